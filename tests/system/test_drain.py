"""A front-end that is told to end: its clients leave in waves, miss nothing, and hold nothing up."""

import asyncio
import json
import signal
import socket

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulcast.broker import Broker
from simulcast.model.close_codes import Reconnect
from tests.conditions import until
from tests.event_stream import stream
from tests.programs import StartFrontEnd
from tests.raw_client import raw_client
from tests.scraping import start_with_admin
from tests.service import FrontEnd, collect
from tests.valkey import Valkey

pytestmark = pytest.mark.long

CLIENTS = 600


class Follower:
    """What one client saw until it was closed, and with which code it was."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seen: list[int] = []
        self.last_id = ""
        self.code: int | None = None

    async def follow(self) -> None:
        try:
            while True:
                event = json.loads(await self.connection.recv())
                self.seen.append(event["n"])
                self.last_id = event["event_id"]
        except ConnectionClosed as closed:
            self.code = closed.rcvd.code if closed.rcvd else Reconnect.LOST


async def test_clients_leave_in_waves_with_1012_while_events_go_on_and_miss_nothing_elsewhere(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    admin, other = await start_with_admin(front_end), await front_end()
    ending = admin.front_end
    broker = Broker.connect(own_valkey.url)
    followers = [Follower(await ending.connect()) for _ in range(CLIENTS)]
    told: list[int] = []

    async def publish() -> None:
        while not all(follower.code for follower in followers):
            told.append(len(told))
            await broker.publish({"n": told[-1]})
            await asyncio.sleep(0.02)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for follower in followers:
            group.create_task(follower.follow())
        group.create_task(publish())
        await until(lambda: all(follower.seen for follower in followers), "the first events")
        ending.signal(signal.SIGTERM)
        await until(lambda: any(follower.code for follower in followers), "the first wave")
        assert not all(follower.code for follower in followers)
        status, body = await ending.get("/ready")
        assert status == 503 and "ends" in str(body["detail"])
        assert await admin.value("simulcast_ready") == 0
        with pytest.raises(InvalidStatus) as refused:
            await ending.connect()
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"]
        assert (await ending.get("/events"))[0] == 503
        assert (await ending.get("/downloads"))[0] == 200  # what is short goes on
    assert {follower.code for follower in followers} == {Reconnect.SERVICE_RESTART}
    assert len({follower.seen[-1] for follower in followers}) > 1, "events did not go on between the waves"
    await broker.publish({"n": -1})
    for follower in followers:
        assert follower.seen == told[: len(follower.seen)]
    for follower in followers[:: CLIENTS // 10]:
        again = await other.connect(f"?since={follower.last_id}")
        missed = [json.loads(text)["n"] for text in await collect(again, '"n":-1')]
        assert follower.seen + missed == [*told, -1]
        await again.close()
    await asyncio.to_thread(ending.process.wait, 30)
    await broker.aclose()


async def test_neither_who_never_reads_nor_who_never_closes_nor_a_stream_holds_up_the_end(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    with raw_client(running, receive_buffer=4096), socket.socket() as half:
        silent = raw_client(running)  # reads what comes in the end, and never answers a close
        half.connect(("127.0.0.1", running.port))
        half.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        witness = await running.connect()
        async with stream(f"http://127.0.0.1:{running.port}/events") as reader:
            for n in range(500):
                await broker.publish({"n": n, "text": "x" * 20_000})
            await collect(witness, '"n":499')
            await reader.collect('"n":499')
            received = await asyncio.to_thread(_read, silent, b'"n":499')
            assert received
            await asyncio.to_thread(running.stop)
            with pytest.raises(EOFError):
                await reader.next()
        with silent:
            assert b"\x88" in await asyncio.to_thread(_read, silent, b"")
    assert "graceful" not in running.output()
    await broker.aclose()


async def test_one_client_is_sent_away_at_once_and_a_second_signal_waits_for_nothing(
    front_end: StartFrontEnd,
) -> None:
    running = await front_end(SIMULCAST_DRAIN_S="10")
    client = await running.connect()
    running.signal(signal.SIGTERM)
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == Reconnect.SERVICE_RESTART
    assert closed.value.rcvd.reason
    await _ended(running)

    hurried = await front_end(SIMULCAST_DRAIN_S="10")
    clients = [await hurried.connect() for _ in range(100)]
    with raw_client(hurried) as silent:
        hurried.signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(_any(clients), 20)
        hurried.signal(signal.SIGTERM)
        await _ended(hurried)
        assert await asyncio.to_thread(_read, silent, b"")


async def _any(clients: list[ClientConnection]) -> None:
    tasks = [asyncio.ensure_future(client.recv()) for client in clients]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


async def _ended(running: FrontEnd) -> None:
    await until(lambda: running.process.poll() is not None, "the end of the process")
    assert "graceful" not in running.output()


def _read(connection: socket.socket, upto: bytes) -> bytes:
    """What comes, up to `upto`, or to the end."""
    connection.settimeout(20)
    received = b""
    try:
        while not upto or upto not in received:
            chunk = connection.recv(1_000_000)
            if not chunk:
                break
            received = received[-100:] + chunk
    except ConnectionResetError:
        return received
    return received
