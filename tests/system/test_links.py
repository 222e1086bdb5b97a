"""A download whose link expires half-way, and the fresh link that it goes on with."""

import json
from pathlib import Path

import pytest

from simulcast.gateway import Gateway
from tests.conditions import eventually, until
from tests.downloads import CONTENT, PAST_A_WRITE, is_right, only_file
from tests.file_server import Files, serve_files
from tests.programs import StartFrontEnd, StartWorker
from tests.service import FrontEnd

pytestmark = pytest.mark.long

Record = dict[str, object]
ONE = {"SIMULCAST_CONNECTIONS_PER_DOWNLOAD": "1", "SIMULCAST_RETRY_BASE_DELAY_S": "0.1"}


async def begin(running: FrontEnd, files: Files) -> str:
    """Add a slow download, and return its address once a part of it is on the disk."""
    files.contents |= {"old": CONTENT, "new": CONTENT}
    files.held_from = 2_000_000
    _, record = await running.post("/downloads", {"url": files.url("old"), "name": "a.bin"})
    one = f"/downloads/{record['download_id']}"

    async def has_begun() -> bool:
        return int(str((await running.get(one))[1]["received_bytes"])) >= PAST_A_WRITE

    await eventually(has_begun, "a part of the file")
    return one


async def reach(running: FrontEnd, one: str, state: str) -> Record:
    async def is_reached() -> bool:
        return (await running.get(one))[1]["state"] == state

    await eventually(is_reached, state)
    return (await running.get(one))[1]


@pytest.mark.parametrize("state", ["error", "running", "paused"])
async def test_a_download_goes_on_with_a_fresh_link_from_where_the_old_one_expired(
    state: str, front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    worker(**ONE)
    async with serve_files() as files:
        one = await begin(running, files)
        if state == "error":
            files.expired.add("old")
            assert "403" in str((await reach(running, one, "error"))["error_message"])
        elif state == "paused":
            await running.post(f"{one}/pause", {})
            await reach(running, one, "paused")
        sent = files.sent_bytes
        assert await running.patch(one, {"url": files.url("new")}) == (200, {"status": "accepted"})
        files.expired.add("old")
        files.held_from = None
        if state == "paused":
            assert (await running.get(one))[1]["state"] == "paused"
            await running.post(f"{one}/resume", {})
        record = await reach(running, one, "complete")
        assert record["url"] == files.url("new")
        assert files.sent_bytes - sent <= len(CONTENT) - PAST_A_WRITE + 1_000_000, "it did not begin again"
        assert is_right(only_file(tmp_path))
        status, refusal = await running.patch(one, {"url": files.url("old")})
        assert (status, str(record["download_id"]) in str(refusal["detail"])) == (409, True)
        same = {"url": files.url("new"), "name": "a.bin"}
        assert await running.post("/downloads", same) == (200, record | {"existing": True})
        only_file(tmp_path).unlink()
        assert (await running.post("/downloads", same))[0] == 201, "its file is gone"


async def test_a_fresh_link_to_another_version_begins_again_and_mixes_nothing(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    worker(**ONE)
    texts: list[str] = []

    def progress() -> list[float]:
        events = [json.loads(text) for text in texts]
        return [event["progress"] for event in events if event["type"] == "download_progress"]

    async with serve_files() as files, Gateway(host="127.0.0.1", port=running.port) as gateway:
        gateway.on_websocket_message = texts.append
        await until(lambda: gateway.is_websocket_connected, "the connection")
        one = await begin(running, files)
        files.contents["new"] = CONTENT[::-1]
        await until(lambda: max(progress(), default=0) > 0.3, "progress")
        files.expired.add("old")
        await reach(running, one, "error")
        seen = len(progress())
        files.held_from = 500_000
        await running.patch(one, {"url": files.url("new")})
        await until(lambda: min(progress()[seen:], default=1.0) < 0.3, "progress from the beginning")
        files.held_from = None
        await reach(running, one, "complete")
        await until(lambda: progress()[-1] == 1.0, "the last progress")
        assert is_right(only_file(tmp_path), CONTENT[::-1])
