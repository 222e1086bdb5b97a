"""Connections to Redis."""

import socket

import pytest

from simulcast.connection import REPLY_TIMEOUT_S, connect
from tests.valkey import Valkey

UNDELIVERED = getattr(socket, "TCP_USER_TIMEOUT", 0)


@pytest.mark.skipif(not UNDELIVERED, reason="only Linux gives up what it can't deliver when it is told to")
async def test_the_kernel_gives_up_a_call_before_its_caller_does(valkey: Valkey) -> None:
    async with connect(valkey.url) as client:
        connection = await client.connection_pool.get_connection()
        waiting = connection._writer.transport.get_extra_info("socket")
        assert 0 < waiting.getsockopt(socket.IPPROTO_TCP, UNDELIVERED) < REPLY_TIMEOUT_S * 1000
        await client.connection_pool.release(connection)
