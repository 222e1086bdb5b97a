"""Random answers and addresses: the right bytes or a clear reason, never an unexpected exception."""

import asyncio
import random
from pathlib import Path

import pytest

from simulcast.model.download_options import NO_OPTIONS
from tests.fetching import LOCAL, Download
from tests.scripted_server import Request, Server
from workers.errors import DownloadFailed, InvalidURL
from workers.http.client import Client
from workers.http.request import FileRequest
from workers.http.response import RemoteFile
from workers.http.url import URL

CONTENT = random.Random(31).randbytes(5_000)
HAVE = 2_000
STATUSES = [200, 200, 200, 206, 206, 206, 204, 301, 304, 400, 403, 404, 416, 429, 500, 503, 599, 100, 999]
ETAGS = ['"v1"', '"v1"', '"v1"', 'W/"v1"', '"v2"', "v1", ""]
RANGES = [
    f"bytes {HAVE}-4999/5000",
    f"bytes {HAVE}-4999/*",
    "bytes 0-4999/5000",
    "bytes 0-1/5000",
    "bytes */5000",
    "x",
    "",
]
LENGTHS = ["5000", "3000", "-1", "x", "5000, 5000", "999999999999999999999", ""]
CODINGS = ["", "", "", "identity", "none", "gzip", "br", "deflate"]


def draw(rng: random.Random) -> bytes:
    """An answer of which each part may be right, wrong, doubled or missing."""
    lines = [f"HTTP/1.{rng.choice('11110')} {rng.choice(STATUSES)} X"]
    for name, values in (
        ("ETag", ETAGS),
        ("Content-Range", RANGES),
        ("Content-Length", LENGTHS),
        ("Content-Encoding", CODINGS),
        ("Transfer-Encoding", ["", "", "", "", "chunked", "gzip, chunked"]),
        ("Location", ["", "", "", "/g", "http://", "\\\\x", "//127.0.0.1:1/"]),
        ("Retry-After", ["", "", "5", "Fri, 31 Dec 99999 23:59:59 GMT"]),
    ):
        lines += [f"{name}: {value}" for value in rng.choices(values, k=rng.choice([0, 1, 1, 1, 2])) if value]
    rng.shuffle(rest := lines[1:])
    body = rng.choice([CONTENT, CONTENT[HAVE:], CONTENT[:100], b"", b"5\r\nhello\r\n0\r\n\r\n"])
    return "\r\n".join([lines[0], *rest, "Connection: close", "", ""]).encode() + body


async def play(count: int, seed: int, folder: Path) -> None:
    rng = random.Random(seed)

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(draw(rng))

    async with Server() as server, Client(LOCAL, read_timeout_s=0.5) as client:
        url = server.at("/f", reply)
        server.at("/g", reply)
        for number in range(count):
            download = Download(client, folder / f"p{number % 8}")
            if rng.random() < 0.5:
                download.holding(CONTENT[:HAVE], RemoteFile('"v1"', rng.choice([5_000, None])))
            try:
                fetched = await download.fetch(url)
            except DownloadFailed as error:
                assert len(str(error)) > 10 and "127.0.0.1:" not in str(error)
                continue
            content = download.part.read_bytes()
            assert len(content) == fetched.size
            whole = [CONTENT, b"hello", CONTENT[HAVE:], b"5\r\nhello\r\n0\r\n\r\n"]  # the bodies, up to a stated length
            assert any(body.startswith(content) for body in whole), f"seed {seed}, {number}: a mixture was complete"


@pytest.mark.parametrize("seed", range(3))
async def test_random_answers(seed: int, tmp_path: Path) -> None:
    await play(100, seed, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 127))
async def test_27_000_random_answers(seed: int, tmp_path: Path) -> None:
    await play(1_000, seed, tmp_path)


async def test_24_000_random_addresses_are_read_or_refused() -> None:
    rng = random.Random(5)
    pieces = ["http", "https", "://", "//", "/", "\\", "@", ":", "[", "]", "%", "%2F", "..", ".", "?", "#", " ", "\n"]
    pieces += [
        "ä",
        "\ud800",
        "127.0.0.1",
        "::1",
        "h",
        "localhost",
        "80",
        "99999",
        "a" * 70,
        "\x00",
        "ftp",
        "xn--",
        "x",
    ]
    base = URL.parse("http://u:p@h/a/b?c")
    async with Client(()) as client:
        for _ in range(12_000):
            text = rng.choice(["", "http://", "https://h/"]) + "".join(rng.choices(pieces, k=rng.randrange(8)))
            for read in (URL.parse, base.join, lambda text: FileRequest(client, text, NO_OPTIONS)):
                try:
                    read(text)
                except InvalidURL as error:
                    assert "u:p" not in str(error)
