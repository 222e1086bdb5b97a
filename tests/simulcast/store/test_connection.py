"""Connections to Redis."""

import asyncio
import errno
import importlib.metadata
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import redis
import uvloop

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.store.connection import REPLY_TIMEOUT_S, connect
from tests.valkey import Valkey

UNDELIVERED = getattr(socket, "TCP_USER_TIMEOUT", 0)


@pytest.mark.skipif(not UNDELIVERED, reason="only Linux gives up what it can't deliver when it is told to")
async def test_the_kernel_gives_up_a_call_before_its_caller_does(valkey: Valkey) -> None:
    async with connect(valkey.url) as client:
        connection = await client.connection_pool.get_connection()
        waiting = connection._writer.transport.get_extra_info("socket")
        assert 0 < waiting.getsockopt(socket.IPPROTO_TCP, UNDELIVERED) < REPLY_TIMEOUT_S * 1000
        await client.connection_pool.release(connection)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_that_ends_as_something_is_written_is_lost(
    new_loop: Callable[[], asyncio.AbstractEventLoop], valkey: Valkey
) -> None:
    async def lose() -> None:
        async with connect(valkey.url) as client:
            connection = await client.connection_pool.get_connection()
            connection._writer.transport.abort()
            await asyncio.sleep(0)

            async def ask() -> None:
                await connection.send_command("PING")
                await connection.read_response()

            with pytest.raises(redis.ConnectionError):
                await ask()
            await client.connection_pool.release(connection)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(lose())


async def test_a_connection_that_another_task_closes_before_the_write_is_lost(valkey: Valkey) -> None:
    async with connect(valkey.url) as client:
        connection = await client.connection_pool.get_connection()
        sending = asyncio.create_task(connection.send_packed_command(connection.pack_command("PING")))
        await asyncio.sleep(0)
        await connection.disconnect(nowait=True)
        with suppress(redis.ConnectionError):  # from Python 3.12 on it was written before
            await sending
        await client.connection_pool.release(connection)


async def test_a_process_without_descriptors_learns_that_redis_is_unavailable(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(valkey.url)

    def read(*_: object) -> str:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(importlib.metadata.PathDistribution, "read_text", read)
    with pytest.raises(redis.ConnectionError, match="Too many open files"):
        await client.ping()
    monkeypatch.undo()
    assert await client.ping()
    await client.aclose()


async def test_a_server_that_does_not_know_auth_puts_no_password_into_a_message(tmp_path: Path) -> None:
    server = Valkey(tmp_path, options=["--rename-command", "AUTH", ""]).start()
    broker = Broker.connect(server.url.replace("//", "//u:SECRET@"))
    try:
        with pytest.raises(BrokerUnavailable) as told:
            await broker.head()
    finally:
        await broker.aclose()
        server.stop()
    shown = "".join(traceback.format_exception(told.value))
    assert "unknown command 'AUTH'" in shown and "SECRET" not in shown
