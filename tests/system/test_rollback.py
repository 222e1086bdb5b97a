"""Redis returns with less data than it had, and its clients learn of it."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from tests.conditions import DEADLINE_S, retry_while_unavailable
from tests.jobs import URL
from tests.programs import StartFrontEnd
from tests.service import collect
from tests.valkey import Valkey

pytestmark = pytest.mark.long


async def pause(jobs: Jobs, download_id: str) -> None:
    command = Command("pause", download_id)
    assert await retry_while_unavailable(lambda: jobs.command(command), DEADLINE_S) is None


async def wait_until_cut(connection: ClientConnection, deadline_s: float) -> None:
    async with asyncio.timeout(deadline_s):
        await connection.wait_closed()


class OlderCopy:
    """A copy of a server's data, which `restore` brings back."""

    def __init__(self, server: Valkey, folder: Path) -> None:
        self._server, self._folder = server, folder
        shutil.copytree(server.folder / "appendonlydir", folder)

    def restore(self) -> None:
        self._server.kill()
        shutil.rmtree(self._server.folder / "appendonlydir")
        shutil.copytree(self._folder, self._server.folder / "appendonlydir")
        self._server.start()


async def test_a_pause_after_an_older_copy_was_restored_reaches_the_clients(
    front_end: StartFrontEnd, own_valkey: Valkey, own_jobs: Jobs, tmp_path: Path
) -> None:
    running = await front_end()
    connection = await running.connect()
    await own_jobs.submit(URL, "a")
    copy = OlderCopy(own_valkey, tmp_path / "copy")
    await pause(own_jobs, "a")
    first = json.loads((await collect(connection, "download_paused"))[-1])
    copy.restore()
    await pause(own_jobs, "a")
    second = json.loads((await collect(connection, "download_paused"))[-1])
    assert second["change"] > first["change"]
    await connection.close()


@pytest.mark.parametrize("loss", ["FLUSHALL", "a restart without data"])
async def test_clients_are_cut_and_find_what_is_left(
    loss: str, front_end: StartFrontEnd, own_valkey: Valkey, own_jobs: Jobs
) -> None:
    running = await front_end()
    connection = await running.connect()
    await own_jobs.submit(URL, "a")
    await collect(connection, "download_queued")
    if loss == "FLUSHALL":
        with own_valkey.admin() as client:
            client.flushall()
    else:
        own_valkey.kill()
        shutil.rmtree(own_valkey.folder / "appendonlydir")
        own_valkey.start()
    await wait_until_cut(connection, 20)
    await running.ready()
    connection = await running.connect()
    await own_jobs.submit(URL, "b")
    (event,) = await collect(connection, "download_queued")
    assert json.loads(event)["download_id"] == "b"
    await connection.close()


async def test_clients_that_know_what_a_restored_copy_lacks_are_cut(
    front_end: StartFrontEnd, own_valkey: Valkey, own_jobs: Jobs, tmp_path: Path
) -> None:
    running = await front_end()
    connection = await running.connect()
    await own_jobs.submit(URL, "a")
    copy = OlderCopy(own_valkey, tmp_path / "copy")
    await own_jobs.submit(URL, "b")
    await collect(connection, '"b"')
    copy.restore()
    await wait_until_cut(connection, 90)
    connection = await running.connect()
    (event,) = await collect(connection, "download_queued")
    assert json.loads(event)["download_id"] == "a"
    await connection.close()
