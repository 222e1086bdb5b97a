"""A worker among servers that do everything wrong: the right file or a clear error, never a wrong file as complete."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.download_options import NO_OPTIONS, DownloadOptions
from simulcast.model.job_record import JobRecord
from tests.conditions import eventually
from tests.scripted_server import (
    Reply,
    Request,
    Server,
    answer,
    chunked,
    head,
    honest,
    raw,
    redirect,
    reset_after,
    silence_after,
)
from tests.service import Worker
from tests.valkey import Valkey

CONTENT = random.Random(20).randbytes(200_000)
OTHER = random.Random(21).randbytes(200_000)
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
SETTINGS = {
    "SIMULCAST_RETRY_BASE_DELAY_S": "0.02",
    "SIMULCAST_RETRIES": "3",
    "SIMULCAST_READ_TIMEOUT_S": "0.5",
    "SIMULCAST_MIN_SPEED": "20kB",
    "SIMULCAST_MAX_FILE_BYTES": "1MB",
    "SIMULCAST_MAX_CONCURRENT_DOWNLOADS": "8",
    "SIMULCAST_DOWNLOADS_PER_HOST": "8",
}


def dropping(seed: int, etag: str | None) -> Reply:
    """Drops the connection at random bytes, one time in three not at all."""
    chance = random.Random(seed)

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        cut = None if chance.random() < 0.34 else chance.randrange(SIZE)
        await honest(CONTENT, etag, cut_after=cut)(request, writer)

    return reply


def resumed(content_range: str, body: bytes, **headers: str) -> list[Reply]:
    """A whole file that breaks off, then this answer to what is asked for the rest, then an honest server."""
    said = {"ETag": '"v1"', "Content-Range": content_range, **headers}
    return [honest(CONTENT, cut_after=100_000), answer(206, said, body), honest(CONTENT)]


async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(head(200, {"Content-Length": str(SIZE)}))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while True:
        writer.write(chunked(bytes(50_000), end=b""))
        await writer.drain()


OK = ""
WRONG_DIGEST = f"{SHA256} was asked for"
CASES: dict[str, tuple[list[Reply], str]] = {
    "honest": ([honest(CONTENT)], OK),
    "without a length": ([answer(200, {}, CONTENT)], OK),
    "in chunks": ([raw(CHUNKED, chunked(CONTENT))], OK),
    "shorter than announced": ([answer(200, {"Content-Length": str(SIZE)}, CONTENT[:1000])], "1000 of 200000 bytes"),
    "shorter than announced, once": ([honest(CONTENT, cut_after=1000), honest(CONTENT)], OK),
    "longer than announced": ([raw(head(200, {"Content-Length": str(SIZE)}), CONTENT + OTHER)], OK),
    "a rest that is longer": ([honest(CONTENT, cut_after=100_000), raw(
        head(206, {"ETag": '"v1"', "Content-Range": f"bytes 100000-{SIZE - 1}/{SIZE}", "Transfer-Encoding": "chunked"}),
        chunked(OTHER)), honest(CONTENT)], OK),
    **{f"drops anywhere {seed}": ([dropping(seed, '"v1"')], OK) for seed in range(4)},
    "drops, no ETag": ([*[honest(CONTENT, None, cut_after=cut) for cut in (0, 1, 150_000)], honest(CONTENT, None)], OK),
    "chunks without an end": ([raw(CHUNKED, chunked(CONTENT[:50_000], end=b""))], "50000 bytes"),
    "a reset": ([reset_after(answer(200, {"Content-Length": str(SIZE)}, CONTENT[:50_000])), honest(CONTENT)], OK),
    "silence, once": ([silence_after(raw(b"")), honest(CONTENT)], OK),
    "another ETag in the middle": ([honest(OTHER, '"v0"', cut_after=100_000), honest(CONTENT)], OK),
    "200 to a Range": ([honest(OTHER, cut_after=100_000), answer(200, {"Content-Length": str(SIZE)}, CONTENT)], OK),
    "416 to a Range": ([honest(CONTENT, cut_after=100_000), answer(416, {}), honest(CONTENT)], OK),
    "416 always": ([answer(416, {})], "416"),
    "429, then 503": ([answer(429, {"Retry-After": "0"}), answer(503, {}), honest(CONTENT)], OK),
    "503 for ever": ([answer(503, {"Retry-After": "0"})], "503 Service Unavailable"),
    "404": ([answer(404, {})], "404 Not Found"),
    "a slow drip": ([drip], "the server sent"),
    "a body without end": ([endless], "more than the 1,000,000 that"),
    "too large": ([answer(200, {"Content-Length": "1000001"}, CONTENT)], "has 1,000,001 bytes, more than"),
    "an endless redirect": ([redirect("/case")], "redirected more than 20 times"),
    "a rest with another start": (resumed(f"bytes 99999-{SIZE - 1}/{SIZE}", OTHER[99_999:]), OK),
    "a rest with another total": (resumed(f"bytes 100000-{SIZE}/{SIZE + 1}", OTHER[99_999:]), OK),
    "a rest with another end": (resumed(f"bytes 100000-150000/{SIZE}", OTHER[100_000:150_001]), OK),
    "a rest with nonsense": (resumed("bytes: all of it", OTHER[100_000:]), OK),
    "a rest in several parts": (resumed("", OTHER, **{"Content-Type": "multipart/byteranges; boundary=x"}), OK),
    "a rest in gzip": (resumed(f"bytes 100000-{SIZE - 1}/{SIZE}", OTHER, **{"Content-Encoding": "gzip"}), OK),
    "gzip": ([answer(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08")], "ended before its end"),
    "an error page with 200": ([answer(200, {"Content-Type": "text/html"}, b"<h1>Sorry</h1>")], WRONG_DIGEST),
    "other bytes of the same version": ([honest(OTHER)], WRONG_DIGEST),
    "no HTTP": ([raw(b"SSH-2.0-OpenSSH_9.2\r\n")], "not valid HTTP"),
}  # fmt: skip
NEEDS_A_DIGEST = {"an error page with 200", "other bytes of the same version"}


@pytest.fixture(scope="module")
def folder_of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def valkey_of_all(folder_of_all: Path) -> Iterator[Valkey]:
    """With one worker at it for the whole module: each test leaves it with nothing to do."""
    server = Valkey(folder_of_all.parent / "hostile-valkey").start()
    worker = Worker(server.url, folder_of_all.parent / "hostile-worker.log", folder_of_all, **SETTINGS)
    yield server
    worker.stop()
    server.stop()
    assert "Traceback" not in worker.output(), worker.output()


@pytest.fixture
async def jobs(valkey_of_all: Valkey) -> AsyncIterator[Jobs]:
    url = valkey_of_all.url
    async with aclosing(Broker.connect(url)) as broker, aclosing(Jobs.connect(url, broker)) as jobs:
        yield jobs


async def ended(jobs: Jobs, download_id: str) -> JobRecord:
    async def has_ended() -> bool:
        return (await jobs.get(download_id)).state in ("complete", "error")

    await eventually(has_ended, "an end")
    return await jobs.get(download_id)


@pytest.mark.parametrize("case", CASES)
async def test_it_ends_in_the_right_file_or_in_an_error_that_says_why(
    case: str, jobs: Jobs, folder_of_all: Path
) -> None:
    replies, error = CASES[case]
    options = DownloadOptions(checksum=f"sha256:{SHA256}") if case in NEEDS_A_DIGEST else NO_OPTIONS
    async with Server() as server:
        download_id = (await jobs.submit(server.at("/case", *replies), options=options)).download_id
        record = await ended(jobs, download_id)
    if record.state == "complete":
        assert hashlib.sha256(Path(str(record.file_path)).read_bytes()).hexdigest() == SHA256
    if error == WRONG_DIGEST:
        assert list(folder_of_all.glob(f"{record.download_id}.part.*")) == [], "it could only be wrong again"
    assert record.state == ("error" if error else "complete"), record
    assert error in (record.error_message or ""), record.error_message


async def test_one_that_asks_for_an_hour_gets_it(jobs: Jobs) -> None:
    async with Server() as server:
        url = server.at("/f", answer(503, {"Retry-After": "999999"}))
        download_id = (await jobs.submit(url)).download_id

        async def waits() -> bool:
            return (await jobs.get(download_id)).retry_at is not None

        await eventually(waits, "the wait")
        record = await jobs.get(download_id)
        assert record.retry_at is not None
        assert record.retry_at - record.updated_at == pytest.approx(3600, abs=1)
