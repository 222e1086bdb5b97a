"""Tokens that are revoked: a front-end refuses them and ends what they opened, and nothing of others."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.access.revocations import Revocations
from simulcast.broker import Broker
from simulcast.frontend.grant import Grant
from simulcast.jobs import Jobs
from simulcast.revocations import RevocationStore, Revoked
from tests.app.access.connections import bytes_until_end, connect
from tests.command_line import Command
from tests.conditions import eventually, until
from tests.http_requests import request
from tests.jobs import claim_job
from tests.programs import StartFrontEnd, one_front_end
from tests.service import FrontEnd, collect
from tests.signed_tokens import SECRET, token
from tests.valkey import Valkey

ALICE, BOB = (Grant({"watch"}, ("*",), float("inf"), user, jti) for user, jti in (("alice", "1"), ("bob", "2")))
CLIENTS = 20


class Store(RevocationStore):
    """Returns the given revocations, or is empty."""

    def __init__(self) -> None:
        self.answer = Revoked("", {})

    async def read(self, known: str) -> Revoked:
        return self.answer if known != self.answer.version else Revoked(known, None)


async def test_a_user_or_one_token_is_revoked_until_its_end() -> None:
    now, store = [1000.0], Store()
    revocations = Revocations(lambda: now[0])
    await revocations.poll(store)
    assert not revocations.revokes(ALICE) and not revocations.revokes(Grant({"watch"}))
    store.answer = Revoked("1", {"sub alice": 60.0, "jti 2": 10.0, "sub 2": 60.0, "jti bob": 60.0})
    await revocations.poll(store)
    assert revocations.revokes(ALICE) and revocations.revokes(BOB)
    assert not revocations.revokes(Grant({"watch"}))
    now[0] += 11
    assert revocations.revokes(ALICE) and not revocations.revokes(BOB)
    now[0] += 50
    assert not revocations.revokes(ALICE)


async def test_what_a_server_has_lost_stays_revoked_and_what_it_has_anew_counts() -> None:
    now, store = [1000.0], Store()
    revocations = Revocations(lambda: now[0])
    store.answer = Revoked("1", {"sub alice": 60.0, "sub bob": 60.0})
    await revocations.poll(store)
    store.answer = Revoked("2", {"sub bob": 1.0})
    await revocations.poll(store)
    now[0] += 2
    assert revocations.revokes(ALICE) and not revocations.revokes(BOB)
    now[0] += 60
    assert not revocations.revokes(ALICE)


async def test_a_response_under_way_learns_that_its_token_is_revoked() -> None:
    revocations, store = Revocations(), Store()
    waiting = asyncio.create_task(revocations.wait_revoked(ALICE))
    other = asyncio.create_task(revocations.wait_revoked(BOB))
    store.answer = Revoked("1", {"sub alice": 60.0})
    await asyncio.sleep(0)
    await revocations.poll(store)
    await waiting
    assert not other.done()
    other.cancel()


@pytest.fixture(scope="module", params=[pytest.param(True, id="raw"), pytest.param(False, id="messages")])
def front_end_with_tokens(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontEnd]:
    folder = tmp_path_factory.mktemp("revoking")
    (folder / "files").mkdir()
    settings = {"SIMULCAST_TOKEN_SECRET": SECRET, "SIMULCAST_FILES_DIR": str(folder / "files")}
    with one_front_end(folder, raw=request.param, **settings) as program:
        yield program


async def publish(front_end: FrontEnd, number: int) -> None:
    body = {"type": "note", "n": number}
    asked = await request(front_end, "POST", "/channels/downloads/publish", token("publish", sub="publisher"), body)
    assert asked.status == 200


async def read_notes(connection: ClientConnection) -> list[int]:
    """Return the numbers of the notes up to the negative one, which is the last."""
    texts = await collect(connection, '"n": -1}')
    await connection.close()
    return [json.loads(text)["n"] for text in texts]


async def revoke(front_end: FrontEnd, body: object) -> int:
    return (await request(front_end, "POST", "/revocations", token("admin", sub="administrator"), body)).status


async def close_code(connection: ClientConnection) -> int | None:
    with suppress(ConnectionClosed):
        while True:
            await connection.recv()
    return connection.close_code


@asynccontextmanager
async def publishing(front_end: FrontEnd) -> AsyncIterator[list[int]]:
    """Publish notes with rising numbers, beside the block; yield those that were published."""
    published: list[int] = []
    is_over = asyncio.Event()

    async def go_on() -> None:
        while not is_over.is_set():
            await publish(front_end, len(published))
            published.append(len(published))

    task = asyncio.create_task(go_on())
    try:
        yield published
    finally:
        is_over.set()
        await task


async def test_every_client_of_a_revoked_token_is_cut_and_no_other(front_end_with_tokens: FrontEnd) -> None:
    """Under load: the others receive every event, in order, before and after."""
    front_end = front_end_with_tokens
    revoked = [token(sub="mallory", jti=str(number)) for number in range(CLIENTS)] + [token(sub="eve", jti="stolen")]
    good = [token(sub=f"user-{number}", jti=f"good-{number}") for number in range(CLIENTS)]
    good += [token(sub="eve", jti="fresh"), token(), token("admin")]
    async with asyncio.TaskGroup() as group:
        cut = [group.create_task(close_code(await connect(front_end, text))) for text in revoked]
        kept = [group.create_task(read_notes(await connect(front_end, text))) for text in good]
        async with publishing(front_end) as published:
            await until(lambda: len(published) > 5, "events")
            assert await revoke(front_end, {"user": "mallory", "for_s": 3600}) == 201
            assert await revoke(front_end, {"token_id": "stolen", "for_s": 3600}) == 201
            for task in cut:
                assert await task == 4419
            since = len(published)
            await until(lambda: len(published) > since + 5, "events after it")
        await publish(front_end, -1)
    for reading in kept:
        assert reading.result() == [*range(len(published)), -1]
    for text in revoked:
        answer = await request(front_end, "GET", "/downloads", text)
        assert (answer.status, answer.detail) == (401, "the token was revoked: get a new one")
        with pytest.raises(InvalidStatus) as caught:
            await connect(front_end, text)
        assert caught.value.response.status_code == 401
    for text in good:
        assert (await request(front_end, "GET", "/downloads", text)).status == 200


async def test_an_event_stream_ends_with_its_token(front_end_with_tokens: FrontEnd) -> None:
    front_end = front_end_with_tokens
    async with aiohttp.ClientSession(f"http://127.0.0.1:{front_end.port}") as session:
        headers = {"authorization": f"Bearer {token(sub='reader')}"}
        async with session.get("/events", headers=headers) as response, asyncio.timeout(60):
            assert response.status == 200
            assert await revoke(front_end, {"user": "reader"}) == 201
            await response.content.read()
        async with session.get("/events", headers=headers) as response:
            assert response.status == 401


async def test_a_file_that_is_on_its_way_ends_with_its_token(front_end_with_tokens: FrontEnd) -> None:
    front_end, size = front_end_with_tokens, 100_000_000  # more than both ends' sockets hold
    with (front_end.log.parent / "files" / "large.bin").open("wb") as file:
        file.truncate(size)
    url = front_end.redis_url
    async with aclosing(Broker.connect(url)) as broker, aclosing(Jobs.connect(url, broker)) as jobs:
        await jobs.submit("https://example.com/large.bin", "large")
        fields = {"file_path": "/large.bin", "received": str(size)}
        await jobs.finish(await claim_job(jobs), "complete", fields, {"file_path": "/large.bin"})
    reader, writer = await asyncio.open_connection("127.0.0.1", front_end.port)
    head = (
        f"GET /downloads/large/file HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token('files', sub='saver')}"
    )
    writer.write(f"{head}\r\n\r\n".encode())
    assert f"content-length: {size}".encode() in await reader.readuntil(b"\r\n\r\n")
    assert await revoke(front_end, {"user": "saver"}) == 201
    await eventually(lambda: is_status(front_end, token(sub="saver"), 401), "the refusal")
    assert await bytes_until_end(reader) < size
    writer.close()


async def test_a_first_message_with_a_revoked_token_closes(front_end_with_tokens: FrontEnd) -> None:
    front_end = front_end_with_tokens
    assert await revoke(front_end, {"user": "late"}) == 201

    async def code() -> int | None:
        connection = await connect(front_end)
        await connection.send(json.dumps({"action": "authenticate", "token": token(sub="late")}))
        return await close_code(connection)

    assert await code() in (4401, 4419)
    await eventually(lambda: is_status(front_end, token(sub="late"), 401), "the refusal")
    assert await code() == 4401


async def is_status(front_end: FrontEnd, text: str, status: int) -> bool:
    return (await request(front_end, "GET", "/downloads", text)).status == status


async def test_the_command_line_revokes_too_and_shorter_times_count(
    front_end_with_tokens: FrontEnd, simulcast: Command
) -> None:
    front_end, text = front_end_with_tokens, token(sub="ü ser", jti="x")
    arguments = ("revoke", "--user", "ü ser", "--redis-url", front_end.redis_url)
    done = await asyncio.to_thread(simulcast, *arguments)
    assert done.stdout == "revoked for 2,592,000 s\n", done.stderr
    await eventually(lambda: is_status(front_end, text, 401), "the refusal")
    await asyncio.to_thread(simulcast, *arguments, "--for", "1")
    await eventually(lambda: is_status(front_end, text, 200), "the end of it")
    await asyncio.to_thread(simulcast, "revoke", "--token-id", "x", "--redis-url", front_end.redis_url)
    await eventually(lambda: is_status(front_end, text, 401), "the refusal of one token")
    assert await is_status(front_end, token(sub="ü ser", jti="y"), 200)


@pytest.mark.parametrize("scope", ["watch command publish files", ""])
async def test_only_an_administrator_revokes(front_end_with_tokens: FrontEnd, scope: str) -> None:
    front_end, body = front_end_with_tokens, {"user": "victim"}
    assert (await request(front_end, "POST", "/revocations", token(scope), body)).status == 403
    assert (await request(front_end, "POST", "/revocations", None, body)).status == 401
    assert await is_status(front_end, token(sub="victim"), 200)
    odd = [{"user": "a", "for_s": for_s} for for_s in (0, True, "60", 1.0)]
    for bad in ({}, {"user": "a", "token_id": "b"}, {"user": ""}, {"user": "x" * 256}, *odd):
        assert await revoke(front_end, bad) == 422


async def test_while_redis_is_away_what_was_revoked_stays_so(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    """Also where the server that comes back has lost it. The log has no traceback."""
    running = await front_end(SIMULCAST_TOKEN_SECRET=SECRET)
    connection = await connect(running, token(sub="good"))
    assert await revoke(running, {"user": "mallory"}) == 201
    await eventually(lambda: is_status(running, token(sub="mallory"), 401), "the refusal")
    own_valkey.kill()
    await eventually(lambda: is_ready(running, 503), "the outage, for a poll or two")
    await eventually(lambda: is_status(running, token(sub="good"), 503), "the outage")
    assert await is_status(running, token(sub="mallory"), 401)
    own_valkey.start()
    with own_valkey.admin() as client:
        client.flushall()
    await eventually(lambda: is_status(running, token(sub="good"), 200), "the return")
    assert await is_status(running, token(sub="mallory"), 401)
    await publish(running, 1)
    assert '"n": 1}' in (await collect(connection, '"n": 1}'))[-1]
    await connection.close()


async def is_ready(front_end: FrontEnd, status: int) -> bool:
    return (await front_end.get("/ready"))[0] == status


async def test_without_tokens_there_is_nothing_to_revoke(tmp_path: Path, shared_front_end: FrontEnd) -> None:
    answer = await request(shared_front_end, "POST", "/revocations", None, {"user": "a"})
    assert answer.status == 404
