"""A download that was interrupted ends in the right file, whatever the server says the second time."""

import random
from collections.abc import Mapping

import pytest

from tests.fetching import Download
from tests.scripted_server import Server, answer, chunked, honest, raw
from workers.errors import DownloadFailed, HTTPStatusError, IncompleteBody, ProtocolError
from workers.http.response import RemoteFile

OLD = bytes(random.Random(1).randbytes(200_000))
NEW = bytes(random.Random(2).randbytes(210_000))
V1 = RemoteFile('"v1"', len(OLD))


async def test_a_dropped_download_continues_where_it_was_dropped(server: Server, download: Download) -> None:
    url = server.at("/f.bin", honest(OLD, cut_after=70_000), honest(OLD))
    with pytest.raises(IncompleteBody):
        await download.fetch(url)
    have = download.part.stat().st_size
    assert 0 < have <= 70_000

    fetched = await download.fetch(url)

    assert server.requests[1].headers["range"] == f"bytes={have}-"
    assert server.requests[1].headers["if-range"] == '"v1"'
    assert download.part.read_bytes() == OLD
    assert fetched.size == len(OLD)


async def test_what_is_resumed_is_told_before_the_first_new_byte(server: Server, download: Download) -> None:
    url = server.at("/f.bin", honest(OLD))
    await download.holding(OLD[:1000], V1).fetch(url)
    assert download.told[0] == (1000, len(OLD))
    assert download.told[-1] == (len(OLD), len(OLD))


async def test_drops_at_random_bytes_end_in_the_right_file(server: Server, download: Download) -> None:
    dice = random.Random(3)
    cuts = [honest(OLD, cut_after=dice.randrange(1, 40_000)) for _ in range(8)]
    url = server.at("/f.bin", *cuts, honest(OLD))
    for _ in range(30):
        try:
            await download.fetch(url)
            break
        except IncompleteBody:
            assert OLD.startswith(download.part.read_bytes())
    assert download.part.read_bytes() == OLD


@pytest.mark.parametrize(
    "source",
    [
        None,
        RemoteFile(None, len(OLD)),
        RemoteFile('W/"v1"', len(OLD)),
        RemoteFile("W/v1", len(OLD)),
        RemoteFile('"v\n1"', None),
    ],
)
async def test_without_a_strong_etag_it_starts_over(
    server: Server, download: Download, source: RemoteFile | None
) -> None:
    download.part.write_bytes(NEW[:500])
    if source is not None:
        download.sources.append(source)
    await download.fetch(server.at("/f.bin", honest(OLD)))
    assert "range" not in server.requests[0].headers
    assert download.part.read_bytes() == OLD


@pytest.mark.parametrize("mirror", ["ftp://example.com/f.bin", "no address"])
async def test_a_mirror_that_this_worker_can_not_use_is_left(server: Server, download: Download, mirror: str) -> None:
    source = RemoteFile('"v1"', len(OLD), mirror=mirror)
    await download.holding(OLD[:1000], source).fetch(server.at("/f.bin", honest(OLD)))
    assert download.part.read_bytes() == OLD
    assert server.requests[0].headers["range"] == "bytes=1000-"


async def test_a_changed_etag_starts_over(server: Server, download: Download) -> None:
    fetched = await download.holding(OLD[:90_000], V1).fetch(server.at("/f.bin", honest(NEW, '"v2"')))
    assert download.part.read_bytes() == NEW
    assert fetched.source.validator == '"v2"'
    assert download.told[0] == (0, len(NEW))


async def test_a_server_without_ranges_starts_over(server: Server, download: Download) -> None:
    whole = answer(200, {"ETag": '"v1"', "Content-Length": str(len(OLD))}, OLD)
    await download.holding(OLD[:90_000], V1).fetch(server.at("/f.bin", whole))
    assert download.part.read_bytes() == OLD
    assert len(server.requests) == 1


def partial(headers: Mapping[str, str], body: bytes = OLD[1000:]) -> dict[str, object]:
    right = {
        "ETag": '"v1"',
        "Content-Range": f"bytes 1000-{len(OLD) - 1}/{len(OLD)}",
        "Content-Length": str(len(body)),
    }
    return {"headers": {name: value for name, value in {**right, **headers}.items() if value}, "body": body}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(partial({"Content-Range": f"bytes 0-{len(OLD) - 1}/{len(OLD)}"}, OLD), id="other start"),
        pytest.param(partial({"Content-Range": f"bytes 1000-1999/{len(OLD)}"}, OLD[1000:2000]), id="other end"),
        pytest.param(partial({"Content-Range": "bytes 1000-199999/200001"}), id="other total"),
        pytest.param(partial({"Content-Range": ""}), id="no Content-Range"),
        pytest.param(partial({"Content-Range": "bytes */200000"}), id="no range in it"),
        pytest.param(partial({"Content-Range": "lines 1000-199999/200000"}), id="other unit"),
        pytest.param(partial({"Content-Range": "bytes 1000-199999/200000, bytes 1-2/3"}), id="two ranges"),
        pytest.param(partial({"Content-Length": "1000"}, OLD[1000:2000]), id="other length"),
        pytest.param(partial({"ETag": '"v2"'}, NEW[1000 : len(OLD)]), id="other ETag"),
        pytest.param(partial({"ETag": ""}), id="no ETag"),
        pytest.param(partial({"ETag": 'W/"v1"'}), id="weak ETag"),
    ],
)
async def test_a_206_that_does_not_fit_is_thrown_away_and_the_whole_asked_for(
    server: Server, download: Download, wrong: dict[str, object]
) -> None:
    headers, body = wrong["headers"], wrong["body"]
    assert isinstance(headers, dict) and isinstance(body, bytes)
    url = server.at("/f.bin", answer(206, headers, body), honest(OLD))
    await download.holding(OLD[:1000], V1).fetch(url)
    assert download.part.read_bytes() == OLD
    assert ["range" in request.headers for request in server.requests] == [True, False]


async def test_a_206_with_an_unknown_total_is_the_rest_if_the_total_was_known(
    server: Server, download: Download
) -> None:
    fits = answer(206, {"ETag": '"v1"', "Content-Range": f"bytes 1000-{len(OLD) - 1}/*"}, OLD[1000:])
    await download.holding(OLD[:1000], V1).fetch(server.at("/f.bin", fits))
    assert download.part.read_bytes() == OLD
    assert len(server.requests) == 1


async def test_a_206_that_brings_more_than_it_said_is_thrown_away(server: Server, download: Download) -> None:
    """A server that claims the rest and sends the whole: its bytes stand at the wrong place already."""
    whole = raw(
        b'HTTP/1.1 206 P\r\nETag: "v1"\r\nContent-Range: bytes 1000-199999/200000\r\n'
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunked(OLD)
    )
    await download.holding(OLD[:1000], V1).fetch(server.at("/f.bin", whole, honest(OLD)))
    assert download.part.read_bytes() == OLD


async def test_a_206_that_ends_early_in_good_form_is_an_error(server: Server, download: Download) -> None:
    short = raw(
        b'HTTP/1.1 206 P\r\nETag: "v1"\r\nContent-Range: bytes 1000-199999/200000\r\n'
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunked(OLD[1000:5000])
    )
    url = server.at("/f.bin", short, honest(OLD))
    with pytest.raises(IncompleteBody, match="5000 of 200000 bytes"):
        await download.holding(OLD[:1000], V1).fetch(url)
    await download.fetch(url)
    assert download.part.read_bytes() == OLD


async def test_a_compressed_206_is_thrown_away_and_the_whole_asked_for(server: Server, download: Download) -> None:
    headers = {
        "ETag": '"v1"',
        "Content-Range": f"bytes 1000-{len(OLD) - 1}/{len(OLD)}",
        "Content-Encoding": "gzip",
    }
    url = server.at("/f.bin", answer(206, headers, b"x" * 10), honest(OLD))
    await download.holding(OLD[:1000], V1).fetch(url)
    assert download.part.read_bytes() == OLD


async def test_a_206_that_was_not_asked_for_is_an_error(server: Server, download: Download) -> None:
    headers = {"ETag": '"v1"', "Content-Range": "bytes 0-9/20", "Content-Length": "10"}
    with pytest.raises(ProtocolError, match="another part"):
        await download.fetch(server.at("/f.bin", answer(206, headers, b"x" * 10)))
    assert not download.part.exists()


@pytest.mark.parametrize("content_range", ["bytes */1000", "bytes */5", ""])
async def test_a_416_starts_over(server: Server, download: Download, content_range: str) -> None:
    headers = {"Content-Range": content_range} if content_range else {}
    url = server.at("/f.bin", answer(416, headers), honest(OLD))
    await download.holding(OLD[:1000], RemoteFile('"v1"', None)).fetch(url)
    assert download.part.read_bytes() == OLD


async def test_a_416_to_the_whole_is_an_error(server: Server, download: Download) -> None:
    with pytest.raises(HTTPStatusError, match="416"):
        await download.fetch(server.at("/f.bin", answer(416, {})))


async def test_a_complete_part_file_is_confirmed_by_its_last_byte(server: Server, download: Download) -> None:
    url = server.at("/f.bin", honest(OLD))
    before = download.part
    fetched = await download.holding(OLD, V1).fetch(url)
    assert server.requests[0].headers["range"] == f"bytes={len(OLD) - 1}-"
    assert before.read_bytes() == OLD
    assert fetched.size == len(OLD)


async def test_a_complete_part_file_of_another_version_is_replaced(server: Server, download: Download) -> None:
    await download.holding(OLD, V1).fetch(server.at("/f.bin", honest(NEW, '"v2"')))
    assert download.part.read_bytes() == NEW


async def test_a_part_file_longer_than_the_file_is_replaced(server: Server, download: Download) -> None:
    await download.holding(OLD + b"x", V1).fetch(server.at("/f.bin", honest(OLD)))
    assert "range" not in server.requests[0].headers
    assert download.part.read_bytes() == OLD


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
async def test_an_error_keeps_what_is_there(server: Server, download: Download, status: int) -> None:
    url = server.at("/f.bin", answer(status, {"Content-Length": "4"}, b"oops"), honest(OLD))
    with pytest.raises(DownloadFailed, match=str(status)):
        await download.holding(OLD[:1000], V1).fetch(url)
    await download.fetch(url)
    assert server.requests[1].headers["range"] == "bytes=1000-"
    assert download.part.read_bytes() == OLD


async def test_several_parts_in_one_answer_are_not_the_rest(server: Server, download: Download) -> None:
    """RFC 9110 §15.3.7.2: nobody asked for them, and their body is no part of the file."""
    rest = f"bytes 1000-{len(OLD) - 1}/{len(OLD)}"
    body = b"--x\r\nContent-Range: bytes 1000-1999/200000\r\n\r\n" + OLD[1000:2000] + b"\r\n--x--\r\n"
    headers = {"ETag": '"v1"', "Content-Type": "multipart/byteranges; boundary=x"}
    for said in ({}, {"Content-Range": rest}):
        url = server.at("/f.bin", answer(206, {**headers, **said}, body), honest(OLD))
        download.sources.clear()
        await download.holding(OLD[:1000], V1).fetch(url)
        assert download.part.read_bytes() == OLD
