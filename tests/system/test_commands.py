"""Commands reach the worker, and outlive it."""

import json
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from tests.conditions import until
from tests.downloads import CONTENT, LEASE, PAST_A_WRITE, is_right, only_file
from tests.file_server import CHUNK, Files, serve_files
from tests.programs import StartFrontEnd, StartWorker
from tests.service import FrontEnd

SLOW = 1_000_000


@dataclass
class CommandClient:
    """A client, a front-end and a web server; every command is sent twice under one `command_id`."""

    running: FrontEnd
    connection: ClientConnection
    files: Files
    numbers: int = 0
    told: list[dict[str, object]] = field(default_factory=list)

    async def add(self) -> str:
        self.files.contents["a.bin"] = CONTENT
        status, record = await self.running.post("/downloads", {"url": self.files.url("a.bin")})
        assert status == 201
        return str(record["download_id"])

    async def command(self, action: str, download_id: str) -> list[str]:
        """Both answers."""
        self.numbers += 1
        wish = {"action": f"{action}_download", "download_id": download_id, "command_id": f"c{self.numbers}"}
        for _ in range(2):
            await self.connection.send(json.dumps(wish))
        answers: list[str] = []
        while len(answers) < 2:
            event = await self.next()
            if event["type"] == "command_result":
                assert event["command_id"] == f"c{self.numbers}"
                answers.append(str(event.get("reason", event["status"])))
        return answers

    async def next(self) -> dict[str, object]:
        event: dict[str, object] = json.loads(await self.connection.recv())
        self.told.append(event)
        return event

    async def until(self, what: str) -> dict[str, object]:
        """The event of that kind, which may have come while an answer was waited for."""
        for event in self.told:
            if event["type"] == f"download_{what}":
                self.told.remove(event)
                return event
        while True:
            event = await self.next()
            if event["type"] == f"download_{what}":
                self.told.remove(event)
                return event

    async def received(self, at_least: int) -> None:
        while int(str((await self.next()).get("received_bytes", 0))) < at_least:
            pass


@pytest.fixture
async def client(front_end: StartFrontEnd) -> AsyncIterator[CommandClient]:
    async with staged(front_end) as found:
        yield found


@asynccontextmanager
async def staged(front_end: StartFrontEnd) -> AsyncIterator[CommandClient]:
    running = await front_end()
    async with serve_files() as files, await running.connect() as connection:
        yield CommandClient(running, connection, files)


async def test_what_is_queued_is_paused_and_resumed_without_any_worker_and_obeyed_when_one_comes(
    client: CommandClient, worker: StartWorker, tmp_path: Path
) -> None:
    download_id = await client.add()
    assert await client.command("pause", download_id) == ["accepted", "accepted"]
    assert (await client.until("paused"))["command_id"] == "c1"
    assert await client.command("resume", download_id) == ["accepted", "accepted"]
    worker()
    await client.until("complete")
    assert is_right(only_file(tmp_path))


async def test_what_runs_is_paused_and_goes_on_with_another_worker(
    client: CommandClient, worker: StartWorker, tmp_path: Path
) -> None:
    first = worker()
    client.files.bytes_per_s = SLOW
    download_id = await client.add()
    await client.received(PAST_A_WRITE)
    assert await client.command("pause", download_id) == ["accepted", "accepted"]
    assert (await client.until("paused"))["command_id"] == "c1"
    assert first.stop() == 0
    client.files.bytes_per_s = 0
    worker()
    assert await client.command("resume", download_id) == ["accepted", "accepted"]
    await client.until("complete")
    assert len(client.files.ranges) == 1
    assert is_right(only_file(tmp_path))
    assert [event for event in client.told if event["type"] == "download_paused"] == []


async def test_a_pause_reaches_a_download_whose_owner_is_stalled(client: CommandClient, worker: StartWorker) -> None:
    first = worker(**LEASE)
    client.files.bytes_per_s = SLOW
    download_id = await client.add()
    await client.received(1)
    first.signal(signal.SIGSTOP)
    assert await client.command("pause", download_id) == ["accepted", "accepted"]
    second = worker(**LEASE)
    await client.until("paused")
    first.signal(signal.SIGCONT)
    await until(lambda: "stopped" in first.output(), "the first owner's stop")
    assert (await client.running.get(f"/downloads/{download_id}"))[1]["state"] == "paused"
    assert second.process.poll() is None


async def test_cancel_removes_the_part_file_also_during_the_last_chunk(
    client: CommandClient, worker: StartWorker, tmp_path: Path
) -> None:
    worker()
    client.files.held_from = len(CONTENT) - CHUNK  # else the file may be complete before the command comes
    download_id = await client.add()
    await client.received(len(CONTENT) - 2 * CHUNK)
    assert await client.command("cancel", download_id) == ["accepted", "accepted"]
    await client.until("cancelled")
    await until(lambda: list((tmp_path / "downloads").iterdir()) == [], "an empty folder")


async def test_cancel_of_what_is_paused_removes_its_part_file(
    client: CommandClient, worker: StartWorker, tmp_path: Path
) -> None:
    worker()
    client.files.bytes_per_s = SLOW
    download_id = await client.add()
    await client.received(PAST_A_WRITE)
    await client.command("pause", download_id)
    await client.until("paused")
    assert len(list((tmp_path / "downloads").iterdir())) == 1
    await client.command("cancel", download_id)
    await until(lambda: list((tmp_path / "downloads").iterdir()) == [], "an empty folder")


async def test_what_failed_is_retried_in_another_attempt(
    client: CommandClient, worker: StartWorker, tmp_path: Path
) -> None:
    worker()
    status, record = await client.running.post("/downloads", {"url": client.files.url("late.bin")})
    assert status == 201
    assert (await client.until("error"))["attempt"] == 1
    client.files.contents["late.bin"] = CONTENT
    assert await client.command("retry", str(record["download_id"])) == ["accepted", "accepted"]
    assert (await client.until("complete"))["attempt"] == 2
    assert is_right(only_file(tmp_path))


async def test_commands_by_rest_answer_with_status_codes(
    client: CommandClient, worker: StartWorker, tmp_path: Path
) -> None:
    running = client.running
    download_id = await client.add()
    assert (await running.post(f"/downloads/{download_id}/pause", {}))[0] == 200
    assert (await running.post(f"/downloads/{download_id}/pause", {}))[0] == 409
    assert (await running.post(f"/downloads/{download_id}/fly", {}))[0] == 422
    assert (await running.post("/downloads/nobody/pause", {}))[0] == 404
    assert (await running.post(f"/downloads/{download_id}/resume?command_id=c1", {}))[0] == 200
    worker()
    path = Path(str((await client.until("complete"))["file_path"]))
    assert path.is_file()
    status, answer = await running.delete(f"/downloads/{download_id}?file=true")
    assert (status, answer) == (200, {"status": "accepted"})
    await client.until("deleted")
    await until(lambda: not path.exists(), "the file's end")
    assert (await running.get(f"/downloads/{download_id}"))[0] == 404
    await client.add()
    await client.until("complete")
    assert (await running.post("/downloads/clear", {}))[0] == 200
    assert (await running.get("/downloads"))[1]["total"] == 0
    assert path.is_file()


async def test_storms_of_commands_end_in_a_state_that_is_told(
    client: CommandClient, worker: StartWorker, tmp_path: Path
) -> None:
    worker()
    client.files.bytes_per_s = SLOW
    download_id = await client.add()
    await client.received(1)
    chance = random.Random(7)
    for _ in range(60):
        await client.command(chance.choice(["pause", "resume", "pause", "resume", "cancel", "retry"]), download_id)
    client.files.bytes_per_s = 0
    for action in ("retry", "resume"):
        await client.command(action, download_id)
    path = Path(str((await client.until("complete"))["file_path"]))
    assert is_right(path)
    folder = tmp_path / "downloads"
    await until(lambda: list(folder.iterdir()) == [path], "the removal of what the cancelled ones had left")
