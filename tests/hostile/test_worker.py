"""Downloads that aim at what a worker can reach, and servers that say where a file goes, with the real programs."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from tests.programs import LINE, StartFrontEnd, StartWorker
from tests.scripted_server import Server, answer, raw, redirect
from tests.service import FrontEnd, collect
from tests.valkey import Valkey

pytestmark = pytest.mark.long

ALLOWED = "127.0.0.1/32"  # in the place of the public internet; all of it else is private, such as 127.0.0.2


@asynccontextmanager
async def ends(running: FrontEnd, *urls: str) -> AsyncIterator[dict[str, dict[str, object]]]:
    """Adds the downloads; how each of them ended, by its address."""
    connection = await running.connect()
    asked: dict[object, str] = {}
    for url in urls:
        status, record = await running.post("/downloads", {"url": url})
        assert status == 201, (url, record)
        asked[record["download_id"]] = url
    found: dict[str, dict[str, object]] = {}
    while len(found) < len(urls):
        event = json.loads((await collect(connection, '"type":"download_'))[-1])
        if event["type"] in ("download_error", "download_complete"):
            found[asked[event["download_id"]]] = event
    yield found
    await connection.close()


SPELLINGS = [
    *("127.0.0.2", "2130706434", "0x7f000002", "0x7f.0.0.2", "0177.0.0.2", "127.2", "127。0。0。2", "①27.0.0.2"),
    *(
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "[::127.0.0.2]",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "[::1]",
        "[::]",
    ),
    *("0.0.0.0", "[fe80::1%25lo]", "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "localhost.invalid", "a..b"),
    *("127.0.0.1@127.0.0.2", "127.0.0.1:x@127.0.0.2", "example.com%2f@127.0.0.2"),
]


async def test_no_spelling_and_no_redirect_reaches_what_is_private(
    front_end: StartFrontEnd, worker: StartWorker, own_valkey: Valkey
) -> None:
    running = await front_end()
    worker(SIMULCAST_ALLOW_NETWORKS=ALLOWED, SIMULCAST_MAX_CONCURRENT_DOWNLOADS="8", SIMULCAST_RETRIES="0")
    async with Server() as allowed, Server("127.0.0.2") as secret:
        secret.at("/", answer(200, {"Content-Length": "6"}, b"secret"))
        urls = [f"http://{host}:{secret.port}/" for host in SPELLINGS]
        for number, target in enumerate(
            [
                *(f"http://{host}:{secret.port}/" for host in ("127.0.0.2", "2130706434", "[::ffff:127.0.0.2]")),
                *(f"//127.0.0.2:{secret.port}/", f"\\\\127.0.0.2:{secret.port}\\", "file:///etc/passwd", "data:,x"),
                *(f"gopher://127.0.0.2:{secret.port}/_x", f"ftp://127.0.0.2:{secret.port}/", "http://", "http://[::1"),
                f"http://127.0.0.1:{own_valkey.port}/",
            ]
        ):
            urls.append(allowed.at(f"/{number}", redirect(target)))
        async with ends(running, *urls) as found:
            for url, event in found.items():
                assert event["type"] == "download_error", url
                message = str(event["error_message"])
                assert len(message) > 10, url
                assert message.isprintable(), url
                assert "passwd" not in message and "@" not in message, url
        assert secret.requests == []


@pytest.mark.parametrize("body", [b"", b"x"])
async def test_a_download_from_redis_itself_is_no_command_to_it(
    body: bytes, front_end: StartFrontEnd, worker: StartWorker, own_valkey: Valkey
) -> None:
    """Even where its address is allowed: line breaks stay percent-encoded, and Redis ends what begins like HTTP."""
    running = await front_end()
    worker(SIMULCAST_ALLOW_NETWORKS=ALLOWED, SIMULCAST_RETRIES="0")
    smuggled = quote("x HTTP/1.1\r\nSET pwned 1\r\n" + body.decode())
    async with ends(running, f"http://127.0.0.1:{own_valkey.port}/{smuggled}") as found:
        (event,) = found.values()
        assert event["type"] == "download_error"
    with redis.Redis.from_url(own_valkey.url, protocol=2) as client:
        assert client.get("pwned") is None


NAMES = [
    *(
        'filename="../../up"',
        'filename="..\\\\..\\\\up"',
        'filename="/etc/passwd"',
        'filename="C:\\\\x\\\\y.exe"',
        'filename=".."',
    ),
    *("filename*=UTF-8''%2e%2e%2f%2e%2e%2fup", "filename*=UTF-8''a%00.exe", "filename*=UTF-8''a%0d%0aSet-Cookie%3ax"),
    *("filename*=UTF-8''photo%E2%80%AEgpj.exe", 'filename="con.txt"', 'filename=".bashrc"', 'filename="-rf"'),
    *(
        "filename*=UTF-8''" + quote("ü" * 300) + ".txt",
        'filename="~root"',
        'filename="x.part.1-a"',
        "filename*=UTF-8''%1b%5b2J",
    ),
]


async def test_a_server_chooses_a_name_in_the_folder_and_nothing_else(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    program = worker(SIMULCAST_ALLOW_NETWORKS=ALLOWED, SIMULCAST_MAX_CONCURRENT_DOWNLOADS="8")
    folder = tmp_path / "downloads"
    async with Server() as server:
        headers = {"Content-Length": "4"}
        urls = [
            server.at(f"/{number}", answer(200, headers | {"Content-Disposition": f"attachment; {name}"}, b"evil"))
            for number, name in enumerate(NAMES)
        ]
        urls += [server.at(path, answer(200, headers, b"evil")) for path in ("/..%2F..%2Fup", "/..%5Cup", "/a%00b")]
        async with ends(running, *urls) as found:
            paths = [Path(str(event["file_path"])) for event in found.values()]
    assert len(set(paths)) == len(urls)
    assert {path.parent for path in paths} == {folder}
    assert {path.name for path in folder.iterdir()} == {path.name for path in paths}
    for path in paths:
        assert path.read_bytes() == b"evil"
        assert path.name.isprintable()
        assert not path.name.startswith((".", " "))
    assert sorted(found.name for found in tmp_path.iterdir() if "up" in found.name) == []
    assert all(LINE.fullmatch(line) for line in program.output().splitlines()), program.output()


async def test_what_a_server_says_goes_neither_into_the_log_nor_into_the_reason_as_it_is(
    front_end: StartFrontEnd, worker: StartWorker
) -> None:
    running = await front_end()
    program = worker(SIMULCAST_ALLOW_NETWORKS=ALLOWED)
    async with Server() as server:
        forged = b"12:00:00 INFO    simulcast.worker: \x1b[2Jall is well"
        async with ends(
            running,
            server.at("/status", raw(b"HTTP/1.1 599 " + forged + b"\r\nContent-Length: 0\r\n\r\n")),
            server.at("/head", raw(b"HTTP/1.1 200 OK\r\nX: y\r\n" + forged.replace(b":", b"") + b"\r\n\r\n")),
            server.at("/none", raw(forged)),
            server.at("/coded", raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: " + forged[17:] + b"\r\n\r\nas it is")),
        ) as found:
            for url, event in found.items():
                if url.endswith("/coded"):
                    assert event["type"] == "download_complete", "curl, too, ignores codings that it doesn't know"
                    assert Path(str(event["file_path"])).read_bytes() == b"as it is"
                else:
                    assert event["type"] == "download_error", url
                    assert str(event["error_message"]).isprintable()
    assert "\x1b" not in program.output()
    assert all(LINE.fullmatch(line) for line in program.output().splitlines()), program.output()


async def test_a_compressed_body_is_decompressed_or_refused_and_never_kept_as_the_file(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    worker(SIMULCAST_ALLOW_NETWORKS=ALLOWED, SIMULCAST_RETRIES="0")
    packed = gzip.compress(b"plain" * 1000)
    bodies = {
        "whole": ("gzip", packed),
        "cut": ("gzip", packed[:-9]),
        "none": ("gzip", b""),
        "plain": ("gzip", b"plain"),
        "zipped twice": ("gzip, gzip", gzip.compress(packed)),
        "brotli": ("br", packed),
        "zipped.gz": ("br", packed),
    }
    async with Server() as server:
        urls = [
            server.at(f"/{quote(name)}", answer(200, {"Content-Encoding": coding}, body))
            for name, (coding, body) in bodies.items()
        ]
        async with ends(running, *urls) as found:
            complete = [url for url, event in found.items() if event["type"] == "download_complete"]
            unpacked = [url for url, name in zip(urls, bodies, strict=True) if name in ("whole", "none", "plain")]
            assert sorted(complete) == sorted(unpacked), "two bodies are sent as they are, whatever their header states"
    assert [path.read_bytes() for path in (tmp_path / "downloads").iterdir() if path.name == "whole"] == [
        b"plain" * 1000
    ]
