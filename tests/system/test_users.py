"""Users with channels of their own, from the token to the file: real front-ends, real workers."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from simulcast.model.channel_folder import channel_folder
from tests.conditions import eventually, until
from tests.downloads import LEASE, PAST_A_WRITE
from tests.file_server import Files, serve_files
from tests.programs import StartFrontEnd, StartWorker
from tests.service import FrontEnd
from tests.signed_tokens import SECRET, token

USERS = {"SIMULCAST_USER_CHANNELS": "user."}
RIGHTS = "watch command files"
FOLDERS = {"alice": "user.alice", "bob@example.com": "user.bob++40example.com"}
TOKENS = {"admin": token("admin"), **{user: token(RIGHTS, sub=user) for user in FOLDERS}}


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    async with serve_files() as found:
        yield found


@pytest.fixture
async def running(front_end: StartFrontEnd, tmp_path: Path) -> FrontEnd:
    return await front_end(SIMULCAST_TOKEN_SECRET=SECRET, SIMULCAST_FILES_DIR=str(tmp_path / "downloads"), **USERS)


async def ask(running: FrontEnd, user: str, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    headers = {"authorization": f"Bearer {TOKENS[user]}"}
    address = f"http://127.0.0.1:{running.port}{path}"
    async with aiohttp.request(method, address, headers=headers, json=body) as answer:
        return answer.status, await answer.read()


async def add(running: FrontEnd, user: str, url: str) -> None:
    status, text = await ask(running, user, "POST", "/downloads", {"url": url, "download_id": "same"})
    assert status == 201 and json.loads(text)["owner"] == user, text


async def record_of(running: FrontEnd, user: str) -> dict[str, object]:
    status, text = await ask(running, user, "GET", "/downloads/same")
    assert status == 200, text
    record: dict[str, object] = json.loads(text)
    return record


async def is_complete(running: FrontEnd, user: str) -> bool:
    return (await record_of(running, user))["state"] == "complete"


async def test_each_user_gets_the_own_file_and_no_other(
    running: FrontEnd, worker: StartWorker, files: Files, tmp_path: Path
) -> None:
    worker(**USERS)
    contents = {user: f"the file of {user}".encode() for user in FOLDERS}
    for user, content in contents.items():
        files.contents["a.bin"] = content
        await add(running, user, files.url("a.bin"))
        await eventually(partial(is_complete, running, user), "the file")
    for user, content in contents.items():
        assert await ask(running, user, "GET", "/downloads/same/file") == (200, content)
        path = tmp_path / "downloads" / "channels" / FOLDERS[user] / "a.bin"
        assert (await record_of(running, user))["file_path"] == str(path)
        assert path.read_bytes() == content
    for channel in ("user.bob:40example.com", "downloads"):
        status, text = await ask(running, "alice", "GET", f"/downloads/same/file?channel={channel}")
        assert status == 403 and b"bob@" not in text
    assert (await ask(running, "alice", "DELETE", "/downloads/same?file=true"))[0] == 200
    alices, bobs = (tmp_path / "downloads" / "channels" / FOLDERS[user] / "a.bin" for user in FOLDERS)
    await until(lambda: not alices.exists(), "the end of alice's file")
    assert bobs.exists() and (await ask(running, "bob@example.com", "GET", "/downloads/same/file"))[0] == 200


@pytest.mark.long
async def test_another_worker_goes_on_with_a_user_s_download(
    running: FrontEnd, worker: StartWorker, files: Files, tmp_path: Path
) -> None:
    content = bytes(4_000_000)
    files.contents["a.bin"], files.bytes_per_s = content, 1_500_000
    first = worker(**LEASE, **USERS)
    await add(running, "alice", files.url("a.bin"))

    async def has_begun() -> bool:
        return int(str((await record_of(running, "alice"))["received_bytes"])) >= PAST_A_WRITE

    await eventually(has_begun, "a beginning of the file")
    first.kill()
    files.bytes_per_s = 0
    worker(**LEASE, **USERS)
    await eventually(lambda: is_complete(running, "alice"), "the end of the file")
    folder = channel_folder(tmp_path / "downloads", "user.alice")
    assert [(path.name, path.stat().st_size) for path in folder.iterdir()] == [("a.bin", len(content))]
    assert len(files.ranges) == 1, "it was continued"


async def test_a_worker_without_that_setting_leaves_users_downloads_alone(
    running: FrontEnd, worker: StartWorker, files: Files, tmp_path: Path
) -> None:
    files.contents["a.bin"] = b"x"
    await add(running, "alice", files.url("a.bin"))
    status, _ = await ask(running, "admin", "POST", "/downloads", {"url": files.url("a.bin"), "download_id": "same"})
    assert status == 201
    worker()
    await eventually(lambda: is_complete(running, "admin"), "the file of `downloads`")
    assert (await record_of(running, "alice"))["state"] == "queued"
    assert not (tmp_path / "downloads" / "channels").exists()
