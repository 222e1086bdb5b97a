"""Random Locations, names, cookies and dates: the right bytes under a safe name, or a clear reason."""

import asyncio
import random
from collections import defaultdict
from pathlib import Path

import pytest

from tests.fetching import LOCAL, Download
from tests.scripted_server import Reply, Request, Server
from tests.seeds import with_overnight
from workers.disk.file_names import MAX_NAME_BYTES, published_name
from workers.errors import DownloadFailed
from workers.http.client import Client

NAMES = [
    "Content-Disposition",
    "Set-Cookie",
    "Last-Modified",
    "ETag",
    "Retry-After",
    "Date",
    "Link",
    "Content-Type",
    "",
]
PIECES = [b"http:", b"https:", b"ftp:", b"//", b"/", b"\\", b"@", b":", b"[", b"]", b"%", b"%2F", b"%00", b"..", b"."]
PIECES += [b"?", b"#", b" ", b"\t", b"\x00", b"\xff", b"\xc3\xa4", b"\xe2\x80\xae", b'"', b"'", b";", b"=", b",", b"*"]
PIECES += [b"filename", b"attachment", b"UTF-8''", b"=?utf-8?q?", b"?=", b"a.gz", b"x" * 300, b"CON", b"localhost"]
PIECES += [b"Domain=", b"Path=", b"; Secure", b"Tue, 24 Nov 2020 12:00:00 GMT", b"99999", b"-1", b"W/", b"u:p", b"::1"]
STATUSES = [200, 200, 200, 301, 302, 303, 307, 308]
LONG_SEEDS = range(100, 124)


class Fuzz:
    """A server whose answers are random but for the length of their bodies."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.port = 0
        self.body = b""

    def _draw(self) -> bytes:
        return b"".join(self._rng.choices(PIECES, k=self._rng.randrange(7)))

    def _location(self) -> bytes:
        here = b"127.0.0.1:%d" % self.port
        begins = [
            b"",
            b"/",
            b"//" + here,
            b"http://" + here,
            b"http://" + here + b"/",
            b"http://u:p@" + here,
            b"?",
            b"x/",
        ]
        return self._rng.choice(begins) + self._draw()

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        status, self.body = self._rng.choice(STATUSES), self._rng.randbytes(self._rng.randrange(1, 2_000))
        lines = [b"HTTP/1.1 %d X" % status, b"Content-Length: %d" % len(self.body), b"Connection: close"]
        lines += [name.encode() + b": " + self._draw() for name in self._rng.sample(NAMES, k=self._rng.randrange(5))]
        if status != 200:
            lines.append(b"Location: " + self._location())
        writer.write(b"\r\n".join([*lines, b"", b""]) + self.body)


async def play(count: int, seed: int, folder: Path) -> int:
    """Return how many downloads were complete."""
    fuzz, completed = Fuzz(seed), 0
    async with Server() as server, Client(LOCAL, read_timeout_s=0.5) as client:
        replies: defaultdict[str, list[Reply]] = defaultdict(lambda: [fuzz.reply])
        server._replies, fuzz.port = replies, server.port
        for number in range(count):
            download = Download(client, folder / f"p{number % 8}")
            try:
                fetched = await download.fetch(f"http://127.0.0.1:{server.port}/f")
            except DownloadFailed as error:
                assert len(str(error)) > 10 and "127.0.0.1:" not in str(error) and "u:p" not in str(error)
                continue
            completed += 1
            assert download.part.read_bytes() == fuzz.body, f"seed {seed}, {number}"
            name = published_name(fetched.source.name)
            assert "/" not in name and name.isprintable() and 0 < len(name.encode()) <= MAX_NAME_BYTES
            assert name == published_name(name)
    return completed


async def test_random_fields(tmp_path: Path) -> None:
    assert await play(300, 1, tmp_path) > 50


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", with_overnight(LONG_SEEDS))
async def test_24_000_random_fields(seed: int, tmp_path: Path) -> None:
    assert await play(1_000, seed, tmp_path) > 100
