"""The one subscribed connection to a server, and its messages, all of one read at a time.

redis-py returns one message for each await, which costs more than everything done with it afterwards. Here hiredis
parses a whole read, and messages that arrived together are flushed together.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Self, cast

import hiredis
import redis
import redis.asyncio

from simulcast.store.connection import REPLY_TIMEOUT_S

MAX_BUFFERED_BYTES = 8 * 1024 * 1024  # read ahead of the listener; beyond, Redis' own buffer fills

Message = list[Any]  # kind and channel, as bytes, and the payload or the number of channels


class SubscribedConnection(asyncio.Protocol):
    """Subscribes, and reads (RESP2)."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._messages: list[Message] = []
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._error: Exception | None = None

    @classmethod
    async def open(cls, client: redis.asyncio.Redis) -> Self:
        """Connect as the connections of that client do, with its user and its name.

        Raises redis.RedisError, OSError, TimeoutError.
        """
        options: Any = client.connection_pool.make_connection()  # knows where to, and is never connected itself
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            if isinstance(options, redis.asyncio.UnixDomainSocketConnection):
                _, connection = await loop.create_unix_connection(cls, options.path)
            else:
                tls = options.ssl_context.get() if isinstance(options, redis.asyncio.SSLConnection) else None
                transport, connection = await loop.create_connection(cls, options.host, options.port, ssl=tls)
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in options.socket_keepalive_options.items():
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
            try:
                user = ("AUTH", options.username or "default", options.password or "")
                connection._send(
                    *("HELLO", "2", *(user if options.username or options.password else ())),
                    *(("SETNAME", options.client_name) if options.client_name else ()),
                )
                await connection.next()
            except BaseException:
                connection.close()
                raise
        return connection

    def subscribe(self, names: Sequence[str], is_sharded: bool) -> None:
        """Subscribe to Pub/Sub channels. `is_sharded`: of a cluster. Raises redis.RedisError."""
        self._send("SUBSCRIBE", *names)
        for name in names if is_sharded else ():  # one by one: they may lie in different slots of the same server
            self._send("SSUBSCRIBE", name)

    def unsubscribe(self, name: str, is_sharded: bool) -> None:
        """Undo `subscribe`. Raises as it."""
        self._send("UNSUBSCRIBE", name)
        if is_sharded:
            self._send("SUNSUBSCRIBE", name)

    def close(self) -> None:
        """End the connection."""
        self._transport.abort()

    async def next(self) -> list[Message]:
        """Return all messages that have arrived, at least one. Raises redis.RedisError when no more will come."""
        while not self._messages:
            if self._error is not None:
                raise self._error
            self._arrived.clear()
            await self._arrived.wait()
        messages, self._messages = self._messages, []
        if self._bytes > MAX_BUFFERED_BYTES:
            self._transport.resume_reading()
        self._bytes = 0
        return messages

    def _send(self, *words: str) -> None:
        if self._error is not None or self._transport.is_closing():
            raise self._error or redis.ConnectionError("the connection has ended")
        if self._transport.get_write_buffer_size() > MAX_BUFFERED_BYTES:
            raise redis.ConnectionError("Redis reads no subscriptions")
        self._transport.write(hiredis.pack_command(cast(Any, words)))  # annotated as a tuple of one

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Parse one read: usually whole messages."""
        try:
            self._reader.feed(data)
            while (message := self._reader.gets()) is not False:
                if isinstance(message, Exception):
                    raise message
                self._messages.append(message)
        except hiredis.HiredisError as error:
            text = str(error).partition(", with args")[0]  # a server without HELLO repeats the password
            self._fail(redis.ResponseError(f"Redis answers a subscription with: {text}"))
        self._bytes += len(data)
        if self._bytes > MAX_BUFFERED_BYTES:
            if self._messages:
                self._transport.pause_reading()
            else:  # of other publishers: events are shorter
                self._fail(redis.ResponseError(f"a message has more than {MAX_BUFFERED_BYTES:,} bytes"))
        self._arrived.set()

    def _fail(self, error: redis.RedisError) -> None:
        self._error = self._error or error
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let `next` raise."""
        self._error = self._error or redis.ConnectionError(f"Redis closed the connection{f': {exc}' if exc else ''}")
        self._arrived.set()
