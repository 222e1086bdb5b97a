"""The file of a finished download, as its front-end serves it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from app.routes.file_store import MAX_READERS, MAX_READERS_PER_ADDRESS
from tests.conditions import eventually
from tests.file_server import Files, serve_files
from tests.programs import StartFrontEnd, StartWorker, one_front_end
from tests.service import FrontEnd, Worker, collect

pytestmark = pytest.mark.long

CONTENT = random.Random(5).randbytes(1_000_000)


@dataclass(frozen=True, slots=True)
class Found:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        return str(json.loads(self.body)["detail"])


async def request_file(running: FrontEnd, download_id: object, method: str = "GET", **headers: str) -> Found:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    address = f"http://127.0.0.1:{running.port}/downloads/{download_id}/file"
    async with aiohttp.request(method, address, headers=named) as answer:
        return Found(answer.status, answer.headers, await answer.read())


async def complete(running: FrontEnd, files: Files, name: str, **members: str) -> tuple[str, Path]:
    """Download the file; return the download's id, and the file's path."""
    connection = await running.connect()
    _, record = await running.post("/downloads", {"url": files.url(name), **members})
    download_id = str(record["download_id"])
    event = json.loads((await collect(connection, f'"download_complete","download_id":"{download_id}"'))[-1])
    await connection.close()
    return download_id, Path(event["file_path"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    """A front-end that serves the files of its worker, for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("files")
    downloads = folder / "downloads"
    with one_front_end(folder, SIMULCAST_FILES_DIR=str(downloads)) as front_end:
        worker = Worker(front_end.redis_url, folder / "worker.log", downloads)
        yield front_end
        worker.stop()
    assert "Traceback" not in worker.output(), worker.output()


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    async with serve_files() as found:
        found.contents["a.bin"] = CONTENT
        yield found


@pytest.mark.parametrize("raw", [True, False])
async def test_a_finished_file_is_served_whole_by_range_and_only_when_it_changed(
    front_end: StartFrontEnd, worker: StartWorker, files: Files, tmp_path: Path, raw: bool
) -> None:
    running = await front_end(raw=raw, SIMULCAST_FILES_DIR=str(tmp_path / "downloads"))
    worker()
    download_id, _ = await complete(running, files, "a.bin")
    whole = await request_file(running, download_id)
    assert (whole.status, whole.body) == (200, CONTENT)
    assert whole.headers["accept-ranges"] == "bytes"
    etag = whole.headers["etag"]
    assert etag.startswith('"')

    head = await request_file(running, download_id, "HEAD", range="bytes=5-")
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "etag", "content-disposition", "content-type"):
        assert head.headers[name] == whole.headers[name]

    rest = await request_file(running, download_id, range="bytes=400000-", if_range=etag)
    assert (rest.status, rest.body) == (206, CONTENT[400_000:])
    assert rest.headers["content-range"] == "bytes 400000-999999/1000000"
    assert rest.headers["content-length"] == "600000"
    stale = await request_file(running, download_id, range="bytes=400000-", if_range='"older"')
    assert (stale.status, stale.body) == (200, CONTENT)

    beyond = await request_file(running, download_id, range="bytes=1000000-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */1000000")
    assert "1000000" in beyond.detail
    same = await request_file(running, download_id, if_none_match=etag)
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
    assert (await request_file(running, download_id, if_match='"older"')).status == 412


async def test_what_was_downloaded_is_saved_and_never_run_as_a_page_of_the_service(
    running: FrontEnd, files: Files
) -> None:
    files.contents["évil.html"] = b"<script>fetch('/downloads')</script>"
    download_id, _ = await complete(running, files, "évil.html")
    headers = (await request_file(running, download_id)).headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment; filename=\"_vil.html\"; filename*=UTF-8''%C3%A9vil.html"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_only_what_is_complete_has_a_file(
    front_end: StartFrontEnd, worker: StartWorker, files: Files, tmp_path: Path
) -> None:
    running = await front_end(SIMULCAST_FILES_DIR=str(tmp_path / "downloads"))
    _, record = await running.post("/downloads", {"url": files.url("missing")})
    queued = await request_file(running, record["download_id"])
    assert (queued.status, "queued" in queued.detail) == (409, True)
    connection = await running.connect()
    worker()
    await collect(connection, "download_error")
    await connection.close()
    failed = await request_file(running, record["download_id"])
    assert (failed.status, "error" in failed.detail) == (409, True)
    unknown = await request_file(running, "nobody")
    assert (unknown.status, unknown.detail) == (404, "there is no download nobody")


async def test_a_file_that_was_removed_or_whose_name_leads_elsewhere_is_not_served(
    running: FrontEnd, files: Files, tmp_path: Path
) -> None:
    download_id, path = await complete(running, files, "a.bin")
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(len(CONTENT)))
    path.unlink()
    assert (await request_file(running, download_id)).status == 404
    path.symlink_to(secret)
    assert (await request_file(running, download_id)).status == 404
    path.unlink()
    path.write_bytes(b"another download's")
    changed = await request_file(running, download_id)
    assert (changed.status, "moved, changed or removed" in changed.detail) == (404, True)


async def test_a_file_in_a_folder_below_is_served_from_there_alone(
    running: FrontEnd, files: Files, tmp_path: Path
) -> None:
    download_id, path = await complete(running, files, "a.bin", folder="films/2026")
    assert path.parts[-4:] == ("downloads", "films", "2026", "a.bin")
    record = (await running.get(f"/downloads/{download_id}"))[1]
    assert (record["folder"], record["file_path"]) == ("films/2026", str(path))
    assert (await request_file(running, download_id)).body == CONTENT
    same = {"url": files.url("a.bin"), "folder": "films/2026"}
    assert (await running.post("/downloads", same))[0] == 200
    path.parent.rename(tmp_path / "2026")
    path.parent.symlink_to(tmp_path / "2026")
    assert (await request_file(running, download_id)).status == 404
    status, again = await running.post("/downloads", same)
    assert (status, again["folder"]) == (201, "films/2026"), "its file is gone"


async def test_the_folder_may_be_elsewhere_for_the_front_end_and_must_be_there(
    front_end: StartFrontEnd, worker: StartWorker, files: Files, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "mounted"
    elsewhere.symlink_to(tmp_path / "downloads")
    running = await front_end(SIMULCAST_FILES_DIR=str(elsewhere))
    lost = await front_end(SIMULCAST_FILES_DIR=str(tmp_path / "nothing"))
    off = await front_end()
    worker()
    download_id, path = await complete(running, files, "a.bin")
    assert path.parent == tmp_path / "downloads"
    assert (await request_file(running, download_id)).body == CONTENT
    misled = await request_file(lost, download_id)
    assert (misled.status, "SIMULCAST_FILES_DIR" in misled.detail) == (503, True)
    refused = await request_file(off, download_id)
    assert (refused.status, "set SIMULCAST_FILES_DIR" in refused.detail) == (404, True)


async def test_only_so_many_files_are_on_their_way_at_once_and_whoever_is_served_makes_room(
    running: FrontEnd, files: Files
) -> None:
    files.contents["large"] = bytes(60_000_000)  # more than sockets hold
    download_id, _ = await complete(running, files, "large")
    for _ in range(MAX_READERS + 1):  # these take no place
        assert (await request_file(running, download_id, "HEAD")).status == 200
        assert (await request_file(running, download_id, range="bytes=99999999-")).status == 416
    readers = [await reading(running, download_id) for _ in range(MAX_READERS)]
    refused = await request_file(running, download_id)
    assert (refused.status, refused.headers["retry-after"]) == (503, "2")
    readers.pop().close()

    async def is_served() -> bool:
        return (await request_file(running, download_id, range="bytes=-1")).status == 206

    await eventually(is_served, "room for one more")
    for writer in readers:
        writer.close()


async def test_one_address_leaves_places_for_files_to_the_others(
    front_end: StartFrontEnd, worker: StartWorker, files: Files, tmp_path: Path
) -> None:
    running = await front_end(SIMULCAST_FILES_DIR=str(tmp_path / "downloads"), SIMULCAST_PROXIES="127.0.0.1")
    worker()
    files.contents["large"] = bytes(60_000_000)
    download_id, _ = await complete(running, files, "large")
    greedy = "X-Forwarded-For: 203.0.113.5\r\n"
    readers = [await reading(running, download_id, greedy) for _ in range(MAX_READERS_PER_ADDRESS)]
    refused = await request_file(running, download_id, **{"X-Forwarded-For": "203.0.113.5"})
    assert (refused.status, "203.0.113.5" in refused.detail) == (503, True)
    readers.append(await reading(running, download_id, "X-Forwarded-For: 203.0.113.6\r\n"))
    for writer in readers:
        writer.close()


async def reading(running: FrontEnd, download_id: str, more: str = "") -> asyncio.StreamWriter:
    """A client that has the head of the answer, and reads no further."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(f"GET /downloads/{download_id}/file HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head, head
    return writer


async def test_a_front_end_that_ends_lets_a_file_go_without_an_error(
    front_end: StartFrontEnd, worker: StartWorker, files: Files, tmp_path: Path
) -> None:
    files.contents["large"] = bytes(60_000_000)
    running = await front_end(SIMULCAST_FILES_DIR=str(tmp_path / "downloads"))
    worker()
    download_id, _ = await complete(running, files, "large")
    writer = await reading(running, download_id)
    await asyncio.to_thread(running.stop)
    assert "Traceback" not in running.output() and "without completing" not in running.output(), running.output()
    writer.close()
