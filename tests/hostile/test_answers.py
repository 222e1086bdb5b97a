"""Random answers and addresses: the right bytes or a clear reason, never an unexpected exception."""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulcast.model.download_options import NO_OPTIONS
from tests.fetching import LOCAL, Download
from tests.scripted_server import Request, Server
from tests.seeds import with_overnight
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
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
COMPRESSIONS = ("gzip", "br", "deflate")
CHOICES = {
    "ETag": ETAGS,
    "Content-Range": RANGES,
    "Content-Length": LENGTHS,
    "Content-Encoding": ["", "", "", "identity", "none", *COMPRESSIONS],
    "Transfer-Encoding": ["", "", "", "", "chunked", "gzip, chunked"],
    "Location": ["", "", "", "/g", "http://", "\\\\x", "//127.0.0.1:1/"],
    "Retry-After": ["", "", "5", "Fri, 31 Dec 99999 23:59:59 GMT"],
}
WHOLE = {"ETag": '"v1"', "Content-Length": "5000"}
REST = {"ETag": '"v1"', "Content-Length": "3000", "Content-Range": RANGES[0]}


@dataclass(frozen=True)
class Answer:
    """An answer as it is sent, and the one file that it states, if it states one."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    minor: str

    def encode(self) -> bytes:
        lines = [f"HTTP/1.{self.minor} {self.status} X", *(f"{name}: {value}" for name, value in self.fields)]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + self.body

    def values(self, name: str) -> set[str]:
        return {value for field, value in self.fields if field == name}

    def message(self) -> bytes | None:
        """Return the body up to the end that its framing states; None where it states none or breaks off before."""
        codings, lengths = self.values("Transfer-Encoding"), self.values("Content-Length")
        if codings:
            return b"hello" if codings == {"chunked"} and self.body == CHUNKS else None
        if not lengths:
            return self.body
        lengths = {length for field in lengths for length in field.split(", ")}
        length = int(lengths.pop()) if len(lengths) == 1 and lengths <= {"5000", "3000"} else None
        return self.body[:length] if length is not None and length <= len(self.body) else None

    def file(self, known: RemoteFile | None) -> bytes | None:
        """Return the whole file to be had from this answer by a worker that holds HAVE bytes of `known`, if any."""
        message, ranges = self.message(), self.values("Content-Range")
        if message is None or self.status not in (200, 206):
            return None
        codings = [value for name, value in self.fields if name == "Content-Encoding" and value in COMPRESSIONS]
        if codings and codings != ["gzip"] and (codings != ["deflate"] or message):  # stated as gzip, it is kept plain
            return None
        is_known = known is not None and self.values("ETag") == {known.validator}
        if self.status == 200 and ranges <= {"x"}:
            is_short = known is not None and is_known and len(message) != (known.total or len(message))
            return None if is_short else message
        if ranges in ({"bytes 0-4999/5000"}, {"bytes */5000"}) and len(message) == 5_000:
            return message
        rests = {f"bytes {HAVE}-4999/5000"} | ({f"bytes {HAVE}-4999/*"} if known and known.total else set())
        if codings:
            return None
        is_rest = is_known and len(ranges) == 1 and ranges <= rests and len(message) == 5_000 - HAVE
        return CONTENT[:HAVE] + message if is_rest else None


def draw(rng: random.Random) -> Answer:
    """Return a right answer of which each part may be another one, doubled or missing."""
    minor, share = rng.choice("11110"), rng.choice([0.0, 0.1, 0.4, 1.0])
    status, right, body = rng.choice([(200, WHOLE, CONTENT), (206, REST, CONTENT[HAVE:])])
    fields = []
    for name, values in CHOICES.items():
        drawn = rng.choices(values, k=rng.choice([0, 1, 1, 1, 2])) if rng.random() < share else [right.get(name, "")]
        fields += [(name, value) for value in drawn if value]
    rng.shuffle(fields)
    status = rng.choice(STATUSES) if rng.random() < share else status
    body = rng.choice([CONTENT, CONTENT[HAVE:], CONTENT[:100], b"", CHUNKS]) if rng.random() < share else body
    return Answer(status, fields, body, minor)


async def play(count: int, seed: int, folder: Path) -> int:
    """Return how many downloads were complete."""
    rng = random.Random(seed)
    answers: list[Answer] = []
    completed = 0

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        answers.append(draw(rng))
        writer.write(answers[-1].encode())

    async with Server() as server, Client(LOCAL, read_timeout_s=0.5) as client:
        url = server.at("/f", reply)
        server.at("/g", reply)
        server.at("/\\\\x", reply)
        for number in range(count):
            download, known = Download(client, folder / f"p{number % 8}"), None
            if rng.random() < 0.5:
                known = RemoteFile('"v1"', rng.choice([5_000, None]))
                download.holding(CONTENT[:HAVE], known)
            try:
                fetched = await download.fetch(url)
            except DownloadFailed as error:
                assert len(str(error)) > 10 and "127.0.0.1:" not in str(error)
                continue
            completed += 1
            content = download.part.read_bytes()
            assert len(content) == fetched.size
            is_right = content == answers[-1].file(known)
            assert is_right, f"seed {seed}, {number}: no whole file: {answers[-1].encode()[:400]!r} to {known}"
    return completed


@pytest.mark.parametrize("seed", range(3))
async def test_random_answers(seed: int, tmp_path: Path) -> None:
    assert await play(100, seed, tmp_path) > 10


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", with_overnight(range(100, 127)))
async def test_27_000_random_answers(seed: int, tmp_path: Path) -> None:
    assert await play(1_000, seed, tmp_path) > 10


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
