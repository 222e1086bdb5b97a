"""Whatever a server does, a download ends in the right file or in an error that names what was wrong."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.conditions import until
from tests.fetching import LOCAL, Download
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
from workers.errors import (
    ConnectionFailed,
    DownloadFailed,
    HTTPStatusError,
    IncompleteBody,
    ProtocolError,
    ReadTimeout,
    UnexpectedContentEncoding,
)
from workers.http.client import Client
from workers.http.response import RemoteFile

CONTENT = random.Random(5).randbytes(3_500_000)
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


async def test_a_file_arrives_whole_and_is_told_from_none_to_all(server: Server, download: Download) -> None:
    fetched = await download.fetch(server.at("/a/f.bin", honest(CONTENT)))
    assert download.part.read_bytes() == CONTENT
    assert fetched.size == len(CONTENT)
    assert fetched.source == download.sources[0] == RemoteFile('"v1"', len(CONTENT), "f.bin")
    received = [told[0] for told in download.told]
    assert received[0] == 0 and received[-1] == len(CONTENT) and received == sorted(received)
    assert {total for _, total in download.told} == {len(CONTENT)}


async def test_an_empty_file_is_a_file(server: Server, download: Download) -> None:
    fetched = await download.fetch(server.at("/f", honest(b"")))
    assert fetched.size == 0
    assert download.part.read_bytes() == b""
    assert download.told == [(0, 0)]


async def test_the_size_of_a_chunked_file_is_unknown_until_it_is_there(server: Server, download: Download) -> None:
    body = chunked(CONTENT[:1000], CONTENT[1000:])
    fetched = await download.fetch(server.at("/f", raw(CHUNKED_HEAD, body)))
    assert download.part.read_bytes() == CONTENT
    assert download.sources[0].total is None and fetched.source.total == len(CONTENT)


async def test_a_body_that_ends_with_its_connection_is_a_file(server: Server, download: Download) -> None:
    await download.fetch(server.at("/f", answer(200, {}, CONTENT)))
    assert download.part.read_bytes() == CONTENT


async def test_a_length_beside_chunks_has_no_say(server: Server, download: Download) -> None:
    """RFC 9112 §6.3. Either the file or an error would do; a file of 5 bytes would not."""
    both = CHUNKED_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")
    try:
        await download.fetch(server.at("/f", raw(both, chunked(CONTENT))))
    except ProtocolError:
        return
    assert download.part.read_bytes() == CONTENT


async def test_the_source_is_recorded_before_the_first_byte_is_written(
    server: Server, client: Client, tmp_path: Path
) -> None:
    part, sizes = tmp_path / "p", []

    async def record(source: RemoteFile) -> None:
        await asyncio.sleep(0)
        sizes.append(part.stat().st_size)

    part.write_bytes(b"old bytes of another version")
    url = server.at("/f", honest(CONTENT))
    download = Download(client, part)
    download.on_source = record  # type: ignore[method-assign]
    await download.fetch(url)
    assert sizes == [0]


async def test_when_the_source_can_not_be_recorded_nothing_is_written(
    server: Server, client: Client, tmp_path: Path
) -> None:
    async def refuse(source: RemoteFile) -> None:
        raise RuntimeError("the lease is lost")

    url = server.at("/f", honest(CONTENT))
    download = Download(client, tmp_path / "p")
    download.on_source = refuse  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="the lease is lost"):
        await download.fetch(url)
    assert (tmp_path / "p").stat().st_size == 0


async def test_a_name_comes_from_the_header_or_the_last_redirect(server: Server, download: Download) -> None:
    server.at("/end/real%20name.bin", honest(b"x"))
    fetched = await download.fetch(server.at("/start", redirect("/end/real%20name.bin")))
    assert fetched.source.name == "real name.bin"
    named = honest(b"x", headers={"Content-Disposition": 'attachment; filename="../../header.bin"'})
    assert (await download.fetch(server.at("/f", named))).source.name == "header.bin"


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        pytest.param(answer(404, {}), HTTPStatusError, "the server answered 404 Not Found", id="404"),
        pytest.param(answer(599, {}), HTTPStatusError, "the server answered 599", id="no standard status"),
        pytest.param(answer(204, {}), HTTPStatusError, "204 No Content", id="no content"),
        pytest.param(answer(302, {"Content-Length": "0"}), HTTPStatusError, "302 Found", id="redirect to nowhere"),
        pytest.param(
            answer(200, {"Content-Length": "200"}, b"x" * 100),
            IncompleteBody,
            "the server sent 100 of 200 bytes and closed the connection",
            id="short body",
        ),
        pytest.param(
            reset_after(answer(200, {"Content-Length": "200"}, b"x" * 100)),
            IncompleteBody,
            "of 200 bytes and closed",
            id="reset",
        ),
        pytest.param(raw(CHUNKED_HEAD, chunked(b"x" * 100, end=b"")), IncompleteBody, "sent 100 bytes", id="no end"),
        pytest.param(raw(CHUNKED_HEAD + b"zz\r\n"), IncompleteBody, "sent 0 bytes", id="bad chunk"),
        pytest.param(answer(200, {"Content-Length": "many"}), ProtocolError, "not valid HTTP", id="bad length"),
        pytest.param(answer(200, {"Content-Length": "-5"}), ProtocolError, "not valid HTTP", id="negative length"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
            ProtocolError,
            "not valid HTTP",
            id="two lengths",
        ),
        pytest.param(
            answer(200, {"Content-Encoding": "gzip", "Content-Length": "4"}, b"\x1f\x8b\x08\x00"),
            ProtocolError,
            "ended before its end",
            id="gzip that is cut short",
        ),
        pytest.param(
            answer(200, {"Content-Encoding": "identity, BR"}, b"xx"),
            UnexpectedContentEncoding,
            "encoded as br",
            id="br",
        ),
        pytest.param(
            answer(200, {"Transfer-Encoding": "gzip, chunked"}, chunked(b"x")),
            UnexpectedContentEncoding,
            "encoded as a transfer coding",
            id="gzip in transfer",
        ),
        pytest.param(answer(200, {"X-Long": "x" * 400_000}), ProtocolError, "not valid HTTP", id="huge header"),
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.2\r\n"), ProtocolError, "not valid HTTP", id="no HTTP"),
    ],
)
async def test_it_names_what_was_wrong_and_publishes_no_size(
    server: Server, download: Download, reply: Reply, error: type[DownloadFailed], message: str
) -> None:
    with pytest.raises(error, match=message):
        await download.fetch(server.at("/f", reply))


async def test_what_arrived_before_a_drop_is_kept(server: Server, download: Download) -> None:
    """However early the drop: else a server that drops every connection early is never got any further with."""
    with pytest.raises(IncompleteBody):
        await download.fetch(server.at("/f", honest(CONTENT, cut_after=50_000)))
    assert download.part.read_bytes() == CONTENT[:50_000]
    assert download.told[-1] == (50_000, len(CONTENT))


async def test_nonsense_between_chunks_ends_the_download_and_keeps_what_came_before(
    server: Server, tmp_path: Path
) -> None:
    """aiohttp 3.14 closes the connection and leaves the reader waiting, without a time-out."""
    async with Client(LOCAL, read_timeout_s=0.2) as client:
        download = Download(client, tmp_path / "p")

        async def late_nonsense(request: object, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED_HEAD + chunked(b"x" * 100, end=b""))
            await until(lambda: (100, None) in download.told)
            writer.write(b"zz\r\n")

        with pytest.raises((IncompleteBody, ReadTimeout)):
            await download.fetch(server.at("/f", late_nonsense))
        assert download.part.read_bytes() == b"x" * 100


async def test_nonsense_that_comes_while_the_source_is_recorded_is_a_broken_body(
    server: Server, client: Client, tmp_path: Path
) -> None:
    head_read, sent = asyncio.Event(), asyncio.Event()

    async def nonsense(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED_HEAD + chunked(b"x" * 100, end=b""))
        await head_read.wait()
        writer.write(b"zz\r\n")
        await writer.drain()
        sent.set()

    async def record(source: RemoteFile) -> None:
        head_read.set()
        await sent.wait()
        await asyncio.sleep(0.05)  # a client that has not read it by then meets the other error of the two

    download = Download(client, tmp_path / "p")
    download.on_source = record  # type: ignore[method-assign]
    with pytest.raises(IncompleteBody, match="sent 100 bytes"):
        await download.fetch(server.at("/f", nonsense))


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
async def test_identity_is_no_encoding(server: Server, download: Download, encoding: str) -> None:
    await download.fetch(server.at("/f", honest(CONTENT, headers={"Content-Encoding": encoding})))
    assert download.part.read_bytes() == CONTENT


async def test_a_connection_that_is_closed_without_an_answer_is_an_error(server: Server, download: Download) -> None:
    with pytest.raises(ConnectionFailed):
        await download.fetch(server.at("/f", raw(b"")))


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param(raw(b""), id="before the headers"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-"), id="within the headers"),
        pytest.param(answer(200, {"Content-Length": "200"}, b"x" * 100), id="within the body"),
        pytest.param(raw(CHUNKED_HEAD, b"5"), id="within a chunk's head"),
    ],
)
async def test_a_server_that_falls_silent_is_left(server: Server, tmp_path: Path, silent: Reply) -> None:
    async with Client(LOCAL, read_timeout_s=0.1) as client:
        with pytest.raises(ReadTimeout, match=r"the server sent nothing for 0\.1 s"):
            await Download(client, tmp_path / "p").fetch(server.at("/f", silence_after(silent)))


@pytest.mark.long
async def test_a_slow_endless_body_can_be_cancelled_at_any_time(server: Server, download: Download) -> None:
    async def drip(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, {}))
        while True:
            writer.write(b"drop")
            await writer.drain()
            await asyncio.sleep(0.001)

    task = asyncio.create_task(download.fetch(server.at("/f", drip)))
    await until(lambda: len(download.told) > 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert download.part.stat().st_size == download.told[-1][0]


async def test_all_bytes_are_written_though_the_end_of_their_response_does_not_come(
    server: Server, download: Download
) -> None:
    go_on = asyncio.Event()

    async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
        stated = {"Transfer-Encoding": "chunked", "Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}
        writer.write(head(206, stated) + chunked(CONTENT, end=b""))
        await go_on.wait()
        writer.write(b"0\r\n\r\n")

    fetching = asyncio.create_task(download.fetch(server.at("/f", endless)))
    await until(lambda: download.told[-1:] == [(len(CONTENT), len(CONTENT))], "the last byte")
    assert download.part.read_bytes() == CONTENT and not fetching.done()
    go_on.set()
    assert (await fetching).size == len(CONTENT)
