"""What was said of a download, and of a worker, holds in the running programs."""

import base64
import hashlib
import random
from pathlib import Path

import pytest

from tests.conditions import eventually, until
from tests.file_server import serve_files
from tests.programs import StartFrontEnd, StartWorker
from tests.scripted_server import Server, answer, honest, redirect
from tests.service import FrontEnd

pytestmark = pytest.mark.long

CONTENT = random.Random(30).randbytes(3_000_000)


async def state_of(running: FrontEnd, download_id: object) -> str:
    return str((await running.get(f"/downloads/{download_id}"))[1]["state"])


async def test_a_download_that_is_held_back_is_let_go_while_it_runs(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    """It would take a quarter of an hour."""
    running = await front_end()
    worker()
    async with serve_files() as files:
        files.contents["a.bin"] = CONTENT
        checksum = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
        wanted = {"url": files.url("a.bin"), "limit_bytes_per_s": 3000, "name": "mine.bin", "checksum": checksum}
        download_id = (await running.post("/downloads", wanted))[1]["download_id"]
        path = f"/downloads/{download_id}"

        async def moves() -> bool:
            record = (await running.get(path))[1]
            return record["state"] == "running" and int(str(record["received_bytes"])) > 0

        await eventually(moves, "the first bytes")
        assert int(str((await running.get(path))[1]["received_bytes"])) < len(CONTENT) // 2
        assert (await running.post(f"{path}/limit", {"bytes_per_s": 0}))[0] == 200

        async def complete() -> bool:
            return await state_of(running, download_id) == "complete"

        await eventually(complete, "the end")
    assert (tmp_path / "downloads/mine.bin").read_bytes() == CONTENT


async def test_of_one_server_only_so_many_at_once_and_of_others_meanwhile(
    front_end: StartFrontEnd, worker: StartWorker
) -> None:
    running = await front_end()
    worker(SIMULCAST_DOWNLOADS_PER_HOST="1")
    async with serve_files() as slow, serve_files() as other:
        slow.contents = {f"{number}.bin": CONTENT for number in range(3)}
        slow.bytes_per_s = 200_000
        other.contents["b.bin"] = b"x"
        for number in range(3):
            await running.post("/downloads", {"url": slow.url(f"{number}.bin")})
        download_id = (await running.post("/downloads", {"url": other.url("b.bin")}))[1]["download_id"]

        async def other_is_complete() -> bool:
            return await state_of(running, download_id) == "complete"

        await eventually(other_is_complete, "the other server's download")
        assert slow.asked == 1
        slow.bytes_per_s = 0
        await until(lambda: slow.asked == 3, "the others' turn")


async def test_no_log_has_a_secret_whatever_fails(front_end: StartFrontEnd, worker: StartWorker) -> None:
    running = await front_end(SIMULCAST_LOG="debug")
    program = worker(SIMULCAST_LOG="debug", SIMULCAST_RETRIES="1", SIMULCAST_RETRY_BASE_DELAY_S="0.01")
    secrets = {"headers": {"Cookie": "s3cr3t"}, "basic": {"user": "kim", "password": "s3cr3t"}}
    async with Server() as server:
        urls = [
            server.at("/f", honest(b"x")),
            server.at("/g", answer(403, {})),
            server.at("/h", honest(b"xx", cut_after=1)),
            server.at("/i", redirect("ftp://kim:s3cr3t@h/?s3cr3t")),
            server.at("/j", redirect("http://kim:s3cr3t@127.0.0.1:1/?s3cr3t")),
            "http://kim:s3cr3t@name.invalid/s",
        ]
        wanted: list[dict[str, object]] = [{"url": url, **secrets} for url in urls]
        wanted.append({"url": urls[0], "proxy": "http://kim:s3cr3t@127.0.0.1:1"})
        ids = [(await running.post("/downloads", each))[1]["download_id"] for each in wanted]

        async def all_ended() -> bool:
            return all([await state_of(running, each) in ("complete", "error") for each in ids])

        await eventually(all_ended, "their ends")
        credentials = base64.b64encode(b"kim:s3cr3t").decode()
        assert server.requests[0].headers["authorization"] == f"Basic {credentials}"
    for told in (program.output(), running.output(), str(await running.get("/downloads"))):
        assert "s3cr3t" not in told and credentials not in told
