"""Links to one file: what each of them opens, for how long, and that no log repeats one."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from fastapi import HTTPException

from app.access.links import CLOCK_LEEWAY_S, LINK_LIFE_S, MAX_LINK_CHARS, make_link, read_link
from simulcast.broker import Broker
from simulcast.frontend.grant import FULL_ACCESS, Grant
from simulcast.jobs import Jobs
from tests.app.access.connections import bytes_until_end
from tests.conditions import eventually, until
from tests.http_requests import request
from tests.jobs import claim_job
from tests.json_requests import send_json
from tests.programs import one_front_end
from tests.service import FrontEnd
from tests.signed_tokens import SECRET, signed_by_hand, token

NOW = 1_790_000_000.0
ALICE = Grant({"files"}, ("user.alice",), NOW + 3600, "alice", "7")
SIZE = 100_000_000  # more than both ends' sockets hold
KEY = "k" * 64


async def one_key(ends_at: int) -> bytes:
    return KEY.encode()


def forged(key: str = KEY, algorithm: str = "HS256", **changed: object) -> str:
    claims: dict[str, Any] = {
        "aud": "GET of a file",
        "exp": int(NOW) + 100,
        "file": ["c", "d", 1.5],
        "sub": "",
        "jti": "",
    }
    return jwt.encode({name: value for name, value in (claims | changed).items() if value is not None}, key, algorithm)


async def test_a_link_is_for_its_file_and_names_the_user_and_the_token_until_its_end() -> None:
    link, ends_at = await make_link(one_key, ALICE, "user.alice", "ä/?#&", NOW - 0.123, NOW)
    assert ends_at == NOW + LINK_LIFE_S
    read = await read_link(one_key, link, ends_at - 0.1)
    assert (read.channel, read.download_id, read.created_at) == ("user.alice", "ä/?#&", NOW - 0.123)
    assert (read.grant.user, read.grant.token_id) == ("alice", "7")
    assert read.grant.allows("files", "user.alice")
    assert not read.grant.allows("files", "downloads") and not read.grant.allows("watch", "user.alice")
    with pytest.raises(HTTPException, match="403: the link has expired"):
        await read_link(one_key, link, ends_at)


async def test_a_link_ends_no_later_than_the_token_that_made_it() -> None:
    short = Grant({"files"}, ("*",), NOW + 10.5)
    assert (await make_link(one_key, short, "c", "d", NOW, NOW))[1] == NOW + 10
    assert (await make_link(one_key, FULL_ACCESS, "c", "d", NOW, NOW))[1] == NOW + LINK_LIFE_S


BAD = {
    "nothing": "",
    "three dots": "...",
    "no JSON": "x.y.z",
    "half a surrogate pair": "\ud800",
    "another key": forged("x" * 64),
    "another algorithm": forged(algorithm="HS512"),
    "no signature": signed_by_hand(
        {"alg": "none"}, {"aud": "GET of a file", "exp": int(NOW) + 100, "file": ["c", "d", 1.5]}
    ),
    "a token": forged(aud="simulcast", scope="files"),
    "no audience": forged(aud=None),
    "no end": forged(exp=None),
    "an end in text": signed_by_hand({"alg": "HS256"}, {"aud": "GET of a file", "exp": "9"}, KEY),
    "an end that is no whole number": forged(exp=NOW + 100.5),
    "true as its end": signed_by_hand({"alg": "HS256"}, {"aud": "GET of a file", "exp": True}, KEY),
    "an end too far away": forged(exp=int(NOW) + LINK_LIFE_S + CLOCK_LEEWAY_S + 1),
    "an endless number": signed_by_hand({"alg": "HS256"}, '{"exp":' + "9" * 2000 + "}", KEY),
    "another critical header": signed_by_hand({"alg": "HS256", "crit": ["x"], "x": 1}, {"exp": int(NOW) + 100}, KEY),
}


@pytest.mark.parametrize("link", BAD.values(), ids=BAD.keys())
async def test_anything_else_is_no_link(link: str) -> None:
    with pytest.raises(HTTPException, match="403: the link is not valid: get a new one"):
        await read_link(one_key, link, NOW)


async def test_each_character_of_a_link_counts() -> None:
    link = forged()
    assert (await read_link(one_key, link, NOW)).download_id == "d"
    for at, character in enumerate(link[:-1]):  # the last one has bits that nothing reads
        other = "A" if character != "A" else "B"
        with pytest.raises(HTTPException, match="403"):
            await read_link(one_key, link[:at] + other + link[at + 1 :], NOW)


async def test_no_key_is_looked_up_for_an_end_that_no_link_has() -> None:
    async def no_key(ends_at: int) -> bytes:
        raise AssertionError(ends_at)

    for ends_at in (0, -1, int(NOW), int(NOW) + LINK_LIFE_S + CLOCK_LEEWAY_S + 1, 10**15):
        with pytest.raises(HTTPException, match="403"):
            await read_link(no_key, forged(exp=ends_at), NOW)
    with pytest.raises(HTTPException, match="400: a link has at most 4,096 characters"):
        await read_link(no_key, "x" * (MAX_LINK_CHARS + 1), NOW)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(
    scope="module", params=[pytest.param(False, id="messages"), pytest.param(True, id="raw", marks=pytest.mark.long)]
)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    """A front-end whose log has each request. At its end the log is searched for anything like a token."""
    folder = tmp_path_factory.mktemp("links")
    (folder / "files" / "channels" / "user.alice").mkdir(parents=True)
    settings = {"SIMULCAST_TOKEN_SECRET": SECRET, "SIMULCAST_FILES_DIR": str(folder / "files")}
    with one_front_end(folder, raw=request.param, SIMULCAST_ACCESS_LOG="true", **settings) as program:
        asyncio.run(fill(program, folder / "files"))
        yield program


async def fill(running: FrontEnd, folder: Path) -> None:
    """Put a finished file into two channels, and a second one into one of them."""
    for channel, below in (("downloads", ""), ("user.alice", "channels/user.alice")):
        async with (
            aclosing(Broker.connect(running.redis_url)) as broker,
            aclosing(Jobs.connect(running.redis_url, broker, channel)) as jobs,
        ):
            for name in ("a", "é %2F&b"):
                content = f"{name} of {channel}".encode()
                (folder / below / name).write_bytes(content)
                await jobs.submit("https://example.com/a.bin", name)
                fields = {"file_path": f"/{name}", "received": str(len(content))}
                await jobs.finish(await claim_job(jobs), "complete", fields, {"file_path": f"/{name}"})
    with (folder / "large").open("wb") as file:
        file.truncate(SIZE)
    await finish_large(running, "large")


async def finish_large(running: FrontEnd, download_id: str) -> None:
    """Complete a download, whose file is the large one."""
    async with (
        aclosing(Broker.connect(running.redis_url)) as broker,
        aclosing(Jobs.connect(running.redis_url, broker)) as jobs,
    ):
        await jobs.submit("https://example.com/large", download_id)
        await jobs.finish(
            await claim_job(jobs), "complete", {"file_path": "/large", "received": str(SIZE)}, {"file_path": "/large"}
        )


async def link_to(running: FrontEnd, path: str = "/downloads/a/file", **claims: object) -> str:
    """Return the path of a new link."""
    path, _, query = path.partition("?")
    asked = await send_json(running, "POST", f"{path}/link?{query}", {}, token=token("files", **claims))
    assert asked.status == 201, asked.text
    assert 0 < asked.body["expires_at"] - time.time() <= LINK_LIFE_S + 1
    return str(asked.body["url"])


async def get(running: FrontEnd, url: str, method: str = "GET", **headers: str) -> Answer:
    async with aiohttp.request(method, f"http://127.0.0.1:{running.port}{url}", headers=headers) as answer:
        return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read())


async def detail(running: FrontEnd, url: str, **headers: str) -> tuple[int, str]:
    asked = await get(running, url, **headers)
    return asked.status, asked.body.decode()


async def test_a_link_gives_its_file_without_a_token_whole_and_in_ranges(running: FrontEnd) -> None:
    url = await link_to(running)
    whole = await get(running, url)
    assert (whole.status, whole.body) == (200, b"a of downloads")
    assert whole.headers["referrer-policy"] == "no-referrer"
    head = await get(running, url, "HEAD")
    assert (head.status, head.headers["content-length"]) == (200, "14")
    rest = await get(running, url, Range="bytes=5-", **{"If-Range": whole.headers["etag"]})
    assert (rest.status, rest.body) == (206, b"downloads")
    again = await get(running, f"{url}&channel=downloads", Authorization="Bearer x")
    assert again.body == whole.body


async def test_a_link_names_odd_files_and_other_channels(running: FrontEnd) -> None:
    url = await link_to(running, "/downloads/%C3%A9%20%252F&b/file")
    assert (await get(running, url)).body == "é %2F&b of downloads".encode()
    url = await link_to(running, "/downloads/a/file?channel=user.alice", channels=["user.alice"])
    assert (await get(running, url)).body == b"a of user.alice"


async def test_a_link_opens_nothing_else(running: FrontEnd) -> None:
    url = await link_to(running)
    link = url.partition("link=")[2]
    alices = await link_to(running, "/downloads/a/file?channel=user.alice", channels=["user.alice"])
    wrong = [
        (f"/downloads/large/file?link={link}", 403, "for another file"),
        (f"/downloads/nobody/file?link={link}", 403, "for another file"),
        (f"{url}&channel=user.alice", 403, "for another file"),
        (f"{alices}&channel=downloads", 403, "for another file"),
        (f"{url}&link={link}", 400, "a request has one link"),
        (f"{url}&link=", 400, "a request has one link"),
        (f"{url}x", 403, "not valid"),
        (f"{url[:-3]}xyz", 403, "not valid"),
        ("/downloads/a/file?link=", 403, "not valid"),
        ("/downloads/a/file?link=%ff%00", 403, "not valid"),
        (f"/downloads/a/file?link={'x' * 5000}", 400, "at most 4,096 characters"),
        (f"/downloads/a/file?link={token('files')}", 403, "not valid"),
        (f"/downloads/a/file?token={link}", 400, "a token in a URL"),
        (f"/downloads/a/file?%4Cink={link}x", 403, "not valid"),
        (f"/downloads/a?link={link}", 401, "a token is wanted here"),
        (f"/downloads?link={link}", 401, "a token is wanted here"),
        (f"/events?link={link}", 401, "a token is wanted here"),
    ]
    for path, status, reason in wrong:
        asked, text = await detail(running, path)
        assert asked == status and reason in text, (path, text)
    assert (await request(running, "GET", "/downloads/a/file", link)).status == 401
    assert (await request(running, "POST", url, None)).status == 401


async def test_a_link_is_not_for_a_later_download_of_the_same_id(running: FrontEnd) -> None:
    await finish_large(running, "reused")
    url = await link_to(running, "/downloads/reused/file")
    assert (await get(running, url, "HEAD")).status == 200
    assert (await request(running, "DELETE", "/downloads/reused", token("command"))).status == 200
    await finish_large(running, "reused")
    asked, text = await detail(running, url)
    assert asked == 403 and "for an earlier download of that id" in text
    assert (await get(running, await link_to(running, "/downloads/reused/file"), "HEAD")).status == 200


async def test_only_who_may_read_a_file_that_is_there_gets_a_link(running: FrontEnd) -> None:
    for path, text, status in (
        ("/downloads/a/file/link", None, 401),
        ("/downloads/a/file/link", token("watch command publish"), 403),
        ("/downloads/a/file/link?channel=user.alice", token("files"), 403),
        ("/downloads/nobody/file/link", token("files"), 404),
    ):
        assert (await request(running, "POST", path, text)).status == status
    link = (await link_to(running)).partition("?")[2]
    assert (await request(running, "POST", f"/downloads/a/file/link?{link}", None)).status == 401


async def test_a_link_ends_with_the_token_that_made_it_and_so_does_what_is_under_way(running: FrontEnd) -> None:
    by_user, by_id = await link_to(running, sub="mallory"), await link_to(running, sub="eve", jti="stolen")
    kept = await link_to(running, sub="eve", jti="fresh")
    large = await link_to(running, "/downloads/large/file", sub="mallory")
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(f"GET {large} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert f"content-length: {SIZE}".encode() in await reader.readuntil(b"\r\n\r\n")
    for revoked in ({"user": "mallory"}, {"token_id": "stolen"}):
        assert (await request(running, "POST", "/revocations", token("admin"), revoked)).status == 201

    async def are_refused() -> bool:
        return [(await get(running, url, "HEAD")).status for url in (by_user, by_id)] == [403, 403]

    await eventually(are_refused, "the refusals")
    assert "the token that made the link was revoked" in (await detail(running, by_user))[1]
    assert (await get(running, kept)).status == 200
    assert await bytes_until_end(reader) < SIZE
    writer.close()


@pytest.mark.long
async def test_what_is_under_way_when_a_link_expires_is_finished(running: FrontEnd) -> None:
    large = await link_to(running, "/downloads/large/file", exp=int(time.time()) + 12)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{running.port}") as session, session.get(large) as answer:
        assert answer.status == 200

        async def has_expired() -> bool:
            return (await get(running, large, "HEAD")).status == 403

        await eventually(has_expired, "the end of the link", deadline_s=60)
        assert "the link has expired: get a new one" in (await detail(running, large))[1]
        assert len(await answer.read()) == SIZE


async def test_the_logs_say_who_made_and_used_a_link_and_never_show_one(running: FrontEnd) -> None:
    url = await link_to(running, sub="loretta")
    await get(running, url)
    await until(
        lambda: "link_file a by loretta (this machine): accepted" in running.output(), "the line of the command"
    )
    await until(lambda: "GET /downloads/a/file by loretta" in running.output(), "the line of the request")
    assert url.partition("link=")[2][:20] not in running.output()
