"""Whatever dies: one owner, one end, one file, and it is right."""

import asyncio
import hashlib
import json
import random
import signal
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from tests.conditions import eventually, until
from tests.programs import StartFrontEnd, StartWorker
from tests.system.dying_worker import STEPS
from tests.system.files import Files, serving
from tests.system.service import FrontEnd, collect
from tests.valkey import Valkey

LEASE = {"SIMULCAST_LEASE_S": "2"}
CONTENT = random.Random(2).randbytes(4_000_000)
PAST_A_WRITE = 1_500_000  # a worker writes in blocks of 1 MiB


async def add(running: FrontEnd, files: Files, name: str = "a.bin") -> str:
    files.contents.setdefault(name, CONTENT)
    status, record = await running.post("/downloads", {"url": files.url(name)})
    assert status == 201
    return str(record["download_id"])


async def events_until(connection: ClientConnection, what: str) -> list[dict[str, object]]:
    return [json.loads(text) for text in await collect(connection, f'"download_{what}"')]


def only_file(tmp_path: Path) -> Path:
    found = list((tmp_path / "downloads").iterdir())
    assert len(found) == 1, found
    return found[0]


def is_right(path: Path, content: bytes = CONTENT) -> bool:
    return hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()


async def settled(connection: ClientConnection) -> list[str]:
    """Types of what still comes, up to a second of silence."""
    found = []
    while True:
        try:
            async with asyncio.timeout(1):
                found.append(json.loads(await connection.recv())["type"])
        except TimeoutError:
            return found


async def test_kill_9_of_the_owner_another_resumes_with_range(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    connection = await running.connect()
    first = worker(**LEASE)
    async with serving() as files:
        files.bytes_per_s = 1_500_000
        await add(running, files)
        while json.loads(await connection.recv()).get("received_bytes", 0) < PAST_A_WRITE:
            pass
        first.kill()
        files.bytes_per_s = 0
        worker(**LEASE)
        events = await events_until(connection, "complete")
        assert [event["type"] for event in events if event["type"] != "download_progress"] == [
            "download_queued",
            "download_resumed",
            "download_complete",
        ]
        assert len(files.ranges) == 1
    assert is_right(only_file(tmp_path))
    assert "download_complete" not in await settled(connection)
    await connection.close()


async def test_a_stalled_owner_that_wakes_up_is_refused_and_mixes_no_file(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    connection = await running.connect()
    first = worker(**LEASE)
    async with serving() as files:
        files.bytes_per_s = 1_500_000
        await add(running, files)
        while json.loads(await connection.recv()).get("received_bytes", 0) < PAST_A_WRITE:
            pass
        first.signal(signal.SIGSTOP)
        worker(**LEASE)
        await events_until(connection, "resumed")
        first.signal(signal.SIGCONT)
        events = await events_until(connection, "complete")
        received = [event["received_bytes"] for event in events if event["type"] == "download_progress"]
        assert received == sorted(received)  # type: ignore[type-var]
        await until(lambda: "stopped" in first.output(), "the first owner's stop")
    assert is_right(only_file(tmp_path))
    assert "download_complete" not in await settled(connection)
    await connection.close()


async def test_sigterm_hands_the_download_over(front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path) -> None:
    running = await front_end()
    connection = await running.connect()
    first = worker()  # with a lease that outlasts the test: it must be handed over, not expire
    async with serving() as files:
        files.bytes_per_s = 1_500_000
        await add(running, files)
        while json.loads(await connection.recv()).get("received_bytes", 0) < PAST_A_WRITE:
            pass
        assert first.stop() == 0
        files.bytes_per_s = 0
        worker()
        await events_until(connection, "complete")
        assert len(files.ranges) == 1
    assert is_right(only_file(tmp_path))
    await connection.close()


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_each_step_of_the_end_there_is_one_complete_and_one_file(
    step: str, front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    connection = await running.connect()
    first = worker(dies_at=step, **LEASE)
    async with serving() as files:
        await add(running, files)
        await until(lambda: first.process.poll() is not None, "the first worker's death")
        asked = files.asked
        worker(**LEASE)
        events = await events_until(connection, "complete")
        types = [event["type"] for event in events] + await settled(connection)
        assert types.count("download_complete") == 1
        if step != "after the last byte":
            assert files.asked == asked, "it was downloaded twice"
    path = only_file(tmp_path)
    assert (path.name, is_right(path)) == ("a.bin", True)
    await connection.close()


async def test_a_changed_file_is_started_over_never_mixed(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    connection = await running.connect()
    first = worker(**LEASE)
    other = random.Random(3).randbytes(len(CONTENT))
    async with serving() as files:
        files.bytes_per_s = 1_500_000
        await add(running, files)
        while json.loads(await connection.recv()).get("received_bytes", 0) < PAST_A_WRITE:
            pass
        first.kill()
        files.bytes_per_s = 0
        files.contents["a.bin"] = other
        worker(**LEASE)
        await events_until(connection, "complete")
    assert is_right(only_file(tmp_path), other)
    await connection.close()


async def test_a_redis_that_restarts_in_the_middle_costs_nothing(
    front_end: StartFrontEnd, worker: StartWorker, own_valkey: Valkey, tmp_path: Path
) -> None:
    running = await front_end()
    connection = await running.connect()
    worker()
    async with serving() as files:
        files.bytes_per_s = 1_500_000
        download_id = await add(running, files)
        while json.loads(await connection.recv()).get("received_bytes", 0) < PAST_A_WRITE:
            pass
        own_valkey.kill()
        own_valkey.start()

        async def complete() -> bool:
            return (await running.get(f"/downloads/{download_id}"))[1].get("state") == "complete"

        await eventually(complete, "the end")
        events = await events_until(connection, "complete")
    assert [event["type"] for event in events].count("download_complete") == 1
    assert is_right(only_file(tmp_path))
    await connection.close()
