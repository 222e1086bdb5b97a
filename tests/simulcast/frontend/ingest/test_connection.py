"""The connection of a subscription: as whom it connects, what it reads, and how it ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
import redis.asyncio

from simulcast.frontend.ingest import connection as connection_module
from simulcast.frontend.ingest.connection import SubscribedConnection
from simulcast.store.connection import connect
from tests.certificates import server_context, write_certificate
from tests.conditions import eventually
from tests.valkey import Valkey


@pytest.fixture
async def client(valkey: Valkey) -> AsyncIterator[redis.asyncio.Redis]:
    connection = connect(valkey.url, 4)
    yield connection
    await connection.aclose()


@pytest.fixture
async def subscribed(client: redis.asyncio.Redis, channel: str) -> AsyncIterator[SubscribedConnection]:
    connection = await SubscribedConnection.open(client)
    connection.subscribe([channel], False)
    yield connection
    connection.close()


async def received(connection: SubscribedConnection, number: int) -> list[tuple[object, ...]]:
    messages: list[list[object]] = []
    async with asyncio.timeout(20):
        while len(messages) < number:
            messages += await connection.next()
    return [tuple(message) for message in messages]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[SubscribedConnection]:
    """Connect to that URL; the client of redis-py is not used."""
    client = connect(url, 4)
    try:
        connection = await SubscribedConnection.open(client)
        yield connection
        connection.close()
    finally:
        await client.aclose()


async def relay(valkey: Valkey, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on between a client and the server."""

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()

    there_reader, there = await asyncio.open_connection("127.0.0.1", valkey.port)
    await asyncio.gather(pump(reader, there), pump(there_reader, writer), return_exceptions=True)


async def test_all_that_comes_is_there_in_order_and_subscriptions_are_made_and_left(
    client: redis.asyncio.Redis, subscribed: SubscribedConnection, channel: str
) -> None:
    name = channel.encode()
    assert await received(subscribed, 1) == [(b"subscribe", name, 1)]
    for number in range(1000):
        await client.publish(channel, str(number))
    assert await received(subscribed, 1000) == [(b"message", name, b"%d" % number) for number in range(1000)]
    subscribed.subscribe([f"{channel}-2", f"{channel}-3"], False)
    subscribed.unsubscribe(channel, False)
    assert await received(subscribed, 3) == [
        (b"subscribe", name + b"-2", 2),
        (b"subscribe", name + b"-3", 3),
        (b"unsubscribe", name, 2),
    ]


async def test_channels_of_a_cluster_are_subscribed_to_and_left_in_both_kinds(
    client: redis.asyncio.Redis, channel: str
) -> None:
    name = channel.encode()
    connection = await SubscribedConnection.open(client)
    connection.subscribe([channel], True)
    assert await received(connection, 2) == [(b"subscribe", name, 1), (b"ssubscribe", name, 1)]
    await client.spublish(channel, "sharded")
    await client.publish(channel, "plain")
    assert await received(connection, 2) == [(b"smessage", name, b"sharded"), (b"message", name, b"plain")]
    connection.unsubscribe(channel, True)
    assert [message[0] for message in await received(connection, 2)] == [b"unsubscribe", b"sunsubscribe"]
    connection.close()


async def test_user_password_and_name_are_those_of_the_url(
    valkey: Valkey, client: redis.asyncio.Redis, channel: str
) -> None:
    user, password = f"user-{channel}", "p:a/s s@%"
    await client.execute_command("ACL", "SETUSER", user, "on", f">{password}", "&*", "+@pubsub", "+client|setname")
    credentials = f"{quote(user, '')}:{quote(password, '')}"
    try:
        async with opened(f"redis://{credentials}@127.0.0.1:{valkey.port}?client_name=me-{channel}") as connection:
            connection.subscribe([channel], False)
            assert await received(connection, 1) == [(b"subscribe", channel.encode(), 1)]
            (row,) = [row for row in await client.client_list() if row["name"] == f"me-{channel}"]
            assert row["user"] == user
        with pytest.raises(redis.ResponseError, match="WRONGPASS"):
            async with opened(f"redis://{quote(user, '')}:wrong@127.0.0.1:{valkey.port}"):
                pass
    finally:
        await client.execute_command("ACL", "DELUSER", user)


async def test_a_connection_by_tls_trusts_only_the_certificate_of_the_url(
    valkey: Valkey, channel: str, tmp_path: Path
) -> None:
    write_certificate(tmp_path, "127.0.0.1")
    server = await asyncio.start_server(partial(relay, valkey), "127.0.0.1", 0, ssl=server_context(tmp_path))
    async with server:
        url = f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with opened(f"{url}?ssl_ca_certs={quote(str(tmp_path / 'cert.pem'), '')}") as connection:
            connection.subscribe([channel], False)
            assert await received(connection, 1) == [(b"subscribe", channel.encode(), 1)]
        with pytest.raises(OSError, match="certificate verify failed"):
            async with opened(url):
                pass


async def test_a_connection_by_a_unix_socket_reads_the_same(valkey: Valkey, channel: str, tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with await asyncio.start_unix_server(partial(relay, valkey), path), opened(f"unix://{path}") as connection:
        connection.subscribe([channel], False)
        assert await received(connection, 1) == [(b"subscribe", channel.encode(), 1)]


async def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "REPLY_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        async with opened(f"redis://:secret@127.0.0.1:{silent.getsockname()[1]}"):
            pass


async def test_a_password_that_a_server_repeats_is_not_told() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"-ERR unknown command 'AUTH', with args beginning with: 'secret'\r\n")

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        with pytest.raises(redis.ResponseError, match=r"unknown command 'AUTH'$"):
            async with opened(f"redis://:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}"):
                pass


async def test_who_is_late_leaves_the_rest_with_redis(
    client: redis.asyncio.Redis, subscribed: SubscribedConnection, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "MAX_BUFFERED_BYTES", 100_000)
    await received(subscribed, 1)
    for _ in range(300):
        await client.publish(channel, "x" * 10_000)
    assert len(await subscribed.next()) < 200
    await received(subscribed, 100)


async def test_a_message_that_is_longer_than_what_is_held_ends_the_connection(
    client: redis.asyncio.Redis, subscribed: SubscribedConnection, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "MAX_BUFFERED_BYTES", 100_000)
    await received(subscribed, 1)
    await client.publish(channel, "x" * 2_000_000)
    async with asyncio.timeout(20):
        with pytest.raises(redis.ResponseError, match="more than 100,000 bytes"):
            await subscribed.next()


async def _subscribe_without_end(connection: SubscribedConnection) -> None:
    async with asyncio.timeout(20):
        while True:
            connection.subscribe(["x" * 10_000], False)
            await asyncio.sleep(0)


async def test_what_a_server_does_not_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MAX_BUFFERED_BYTES", 100_000)

    kept = []  # newer Pythons close what nobody holds

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        await reader.read(100)
        writer.write(b"*0\r\n")

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    async with opened(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as connection:
        with pytest.raises(redis.ConnectionError, match="reads no"):
            await _subscribe_without_end(connection)
    server.close()  # without waiting for its connection, which ends only here
    kept[0].transport.abort()


async def test_the_end_of_the_connection_is_told_after_what_came_before(
    client: redis.asyncio.Redis, subscribed: SubscribedConnection, channel: str
) -> None:
    await received(subscribed, 1)
    await client.publish(channel, "last")
    await client.client_kill_filter(_type="pubsub")
    assert await received(subscribed, 1) == [(b"message", channel.encode(), b"last")]
    async with asyncio.timeout(20):
        with pytest.raises(redis.ConnectionError, match="closed the connection"):
            await subscribed.next()


async def test_nothing_is_sent_on_a_connection_that_has_ended(subscribed: SubscribedConnection) -> None:
    subscribed.close()
    for _ in range(2):
        with pytest.raises(redis.ConnectionError):
            subscribed.subscribe(["another"], False)
        with pytest.raises(redis.ConnectionError):
            await received(subscribed, 10)


async def test_the_server_forgets_a_connection_that_was_closed(client: redis.asyncio.Redis, channel: str) -> None:
    connection = await SubscribedConnection.open(client)
    connection.subscribe([channel], False)
    await received(connection, 1)
    connection.close()

    async def is_gone() -> bool:
        return dict(await client.pubsub_numsub(channel))[channel.encode()] == 0

    await eventually(is_gone, "the end of the subscription")


async def test_a_refused_subscription_is_told(subscribed: SubscribedConnection) -> None:
    await received(subscribed, 1)
    subscribed.subscribe([], False)
    async with asyncio.timeout(20):
        with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
            await subscribed.next()


async def test_what_is_no_redis_is_told(subscribed: SubscribedConnection) -> None:
    await received(subscribed, 1)
    subscribed.data_received(b"HTTP/1.1 400 Bad Request\r\n")
    async with asyncio.timeout(20):
        with pytest.raises(redis.ResponseError, match="subscription"):
            await subscribed.next()
