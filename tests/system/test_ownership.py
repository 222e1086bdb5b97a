"""Whatever dies: one owner, one end, one file, and it is right."""

import asyncio
import json
import random
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from simulcast.model.channel import ChannelNames
from tests.conditions import eventually, until
from tests.downloads import CONTENT, LEASE, PAST_A_WRITE, is_right, only_file
from tests.file_server import Files, serve_files
from tests.programs import StartFrontEnd, StartWorker
from tests.service import FrontEnd, collect
from tests.system.dying_worker import STEPS
from tests.valkey import Valkey
from workers.http.byte_ranges import length, merge_ranges
from workers.wake_ups import WAKE_INTERVAL_S

pytestmark = pytest.mark.long

MAX_IN_FLIGHT_BYTES = 1_000_000  # on their way on all connections where another one takes over, or the worker dies


@dataclass(frozen=True)
class DownloadSetup:
    """A front-end with one client, and a web server with one file, which is slow until told otherwise."""

    running: FrontEnd
    connection: ClientConnection
    files: Files

    async def add(self, **members: str) -> str:
        status, record = await self.running.post("/downloads", {"url": self.files.url("a.bin"), **members})
        assert status == 201
        return str(record["download_id"])

    async def add_and_receive(self) -> str:
        """A download of which some is on the disk."""
        download_id = await self.add()
        while json.loads(await self.connection.recv()).get("received_bytes", 0) < PAST_A_WRITE:
            pass
        return download_id

    async def until(self, what: str) -> list[dict[str, object]]:
        return [json.loads(text) for text in await collect(self.connection, f'"download_{what}"')]


@pytest.fixture
async def setup(front_end: StartFrontEnd) -> AsyncIterator[DownloadSetup]:
    running = await front_end()
    async with serve_files() as files, await running.connect() as connection:
        files.contents["a.bin"], files.bytes_per_s = CONTENT, 1_500_000
        yield DownloadSetup(running, connection, files)


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
    setup: DownloadSetup, worker: StartWorker, tmp_path: Path
) -> None:
    first = worker(**LEASE)
    await setup.add_and_receive()
    first.kill()
    setup.files.bytes_per_s = 0
    worker(**LEASE)
    events = await setup.until("complete")
    assert [event["type"] for event in events if event["type"] != "download_progress"] == [
        "download_queued",
        "download_resumed",
        "download_complete",
    ]
    assert len(setup.files.ranges) == 1
    assert is_right(only_file(tmp_path))
    assert "download_complete" not in await settled(setup.connection)


@pytest.mark.long
async def test_a_stalled_owner_that_wakes_up_is_refused_and_mixes_no_file(
    setup: DownloadSetup, worker: StartWorker, tmp_path: Path
) -> None:
    first = worker(**LEASE)
    await setup.add_and_receive()
    first.signal(signal.SIGSTOP)
    worker(**LEASE)
    await setup.until("resumed")
    first.signal(signal.SIGCONT)
    events = await setup.until("complete")
    received = [event["received_bytes"] for event in events if event["type"] == "download_progress"]
    assert received == sorted(received)  # type: ignore[type-var]
    await until(lambda: "stopped" in first.output(), "the first owner's stop")
    assert is_right(only_file(tmp_path))
    assert "download_complete" not in await settled(setup.connection)


async def test_sigterm_hands_the_download_over(setup: DownloadSetup, worker: StartWorker, tmp_path: Path) -> None:
    first = worker()  # with a lease that outlasts the test: it must be handed over, not expire
    await setup.add_and_receive()
    assert first.stop() == 0
    setup.files.bytes_per_s = 0
    worker()
    await setup.until("complete")
    assert len(setup.files.ranges) == 1
    assert is_right(only_file(tmp_path))


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=[] if step == "after the rename" else pytest.mark.long) for step in STEPS]
)
async def test_killed_at_each_step_of_the_end_there_is_one_complete_and_one_file(
    step: str, setup: DownloadSetup, worker: StartWorker, tmp_path: Path
) -> None:
    setup.files.bytes_per_s = 0
    folder = {"folder": "films"} if step in ("after finishing", "between link and unlink", "after the rename") else {}
    first = worker(dies_at=step, **LEASE)
    await setup.add(**folder)
    await until(lambda: first.process.poll() is not None, "the first worker's death")
    asked = setup.files.asked
    worker(**LEASE)
    events = await setup.until("complete")
    types = [event["type"] for event in events] + await settled(setup.connection)
    assert types.count("download_complete") == 1
    if step != "after the last byte":
        assert setup.files.asked == asked, "it was downloaded twice"
    path = only_file(tmp_path, **folder)
    assert (path.name, is_right(path)) == ("a.bin", True)


@pytest.mark.long
async def test_a_changed_file_is_started_over_never_mixed(
    setup: DownloadSetup, worker: StartWorker, tmp_path: Path
) -> None:
    first = worker(**LEASE)
    other = random.Random(3).randbytes(len(CONTENT))
    await setup.add_and_receive()
    first.kill()
    setup.files.bytes_per_s = 0
    setup.files.contents["a.bin"] = other
    worker(**LEASE)
    await setup.until("complete")
    assert is_right(only_file(tmp_path), other)


async def test_a_redis_that_restarts_in_the_middle_costs_nothing(
    setup: DownloadSetup, worker: StartWorker, own_valkey: Valkey, tmp_path: Path
) -> None:
    worker()
    download_id = await setup.add_and_receive()
    own_valkey.kill()
    own_valkey.start()

    async def complete() -> bool:
        return (await setup.running.get(f"/downloads/{download_id}"))[1].get("state") == "complete"

    await eventually(complete, "the end")
    events = await setup.until("complete")
    assert [event["type"] for event in events].count("download_complete") == 1
    assert is_right(only_file(tmp_path))


@pytest.mark.long
async def test_kill_9_while_several_connections_write_another_goes_on_with_what_is_there(
    setup: DownloadSetup, worker: StartWorker, tmp_path: Path
) -> None:
    large = random.Random(4).randbytes(24_000_000)
    setup.files.contents["a.bin"] = large
    first = worker(**LEASE)
    await setup.add()
    while json.loads(await setup.connection.recv()).get("received_bytes", 0) < 12_000_000:
        pass
    assert len(setup.files.ranges) >= 3, "it was not split"
    first.kill()
    setup.files.bytes_per_s = 3_000_000  # slow enough that the buffers of a connection hold little
    setup.files.slow_from = 20_000_000  # the connections that finish first take over what is missing there
    del setup.files.ranges[:]
    setup.files.sent_bytes = 0
    worker(**LEASE)
    await setup.until("complete")
    assert is_right(only_file(tmp_path), large)
    spans = [wanted.removeprefix("bytes=").split("-") for wanted in setup.files.ranges]
    missing_bytes = length(merge_ranges((int(start), int(last) + 1) for start, last in spans))
    assert 0 < missing_bytes < 20_000_000, "it was downloaded again"
    assert missing_bytes <= setup.files.sent_bytes < missing_bytes + MAX_IN_FLIGHT_BYTES, "bytes were fetched twice"


async def test_a_flood_of_foreign_wake_ups_costs_few_round_trips(worker: StartWorker, own_valkey: Valkey) -> None:
    worker()
    wake = ChannelNames().wake
    with own_valkey.admin() as admin:
        await until(lambda: admin.pubsub_numsub(wake)[0][1], "the worker")
        before, began = admin.info("commandstats")["cmdstat_fcall"]["calls"], time.monotonic()
        for _ in range(1000):
            admin.publish(wake, "nobody")
            await asyncio.sleep(0)
        elapsed_s = time.monotonic() - began
        calls = admin.info("commandstats")["cmdstat_fcall"]["calls"] - before
    assert calls <= elapsed_s * (1 / WAKE_INTERVAL_S + 5) + 10
