"""Messages of the subscribed connection, all of one read at a time.

redis-py returns one message for each await, which costs more than everything done with it afterwards. Here hiredis
parses a whole read, and messages that arrived together are flushed together. A redis-py without the private members
that this needs is read by its public API.
"""

import asyncio
from typing import Any

import hiredis
import redis
from redis.asyncio.client import PubSub

MAX_BUFFERED_BYTES = 8 * 1024 * 1024  # read ahead of the listener; beyond, Redis' own buffer fills

Message = list[Any]  # kind and channel, as bytes, and the payload or the number of channels


def open_reader(pubsub: PubSub) -> "SubscriptionReader | PublicReader":
    """Return the reader that the installed redis-py allows."""
    try:
        return SubscriptionReader(pubsub)
    except AttributeError:
        return PublicReader(pubsub)


class PublicReader:
    """Reads one message at a time, by what redis-py documents."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    async def next(self) -> list[Message]:
        """Return the next message. Raises redis.RedisError when no more will come."""
        while (message := await self._pubsub.get_message(timeout=None)) is None:
            continue
        return [[message["type"].encode(), message["channel"], message["data"]]]


class SubscriptionReader(asyncio.Protocol):
    """Reads in the place of redis-py, which has made the connection (TLS, AUTH) and goes on writing to it.

    Its private members are the same from redis-py 5.0.3 to 8.1. Raises AttributeError where they are not.
    """

    def __init__(self, pubsub: PubSub) -> None:
        connection: Any = pubsub.connection
        transport: asyncio.Transport = connection._writer.transport
        buffered = bytes(connection._reader._buffer)
        self._reader = hiredis.Reader()
        self._messages: list[Message] = []
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._error: Exception | None = None
        self._transport = transport
        self._redis_protocol: Any = self._transport.get_protocol()
        self._transport.set_protocol(self)
        self.data_received(buffered)
        self._transport.resume_reading()  # asyncio's stream may have paused it

    def data_received(self, data: bytes) -> None:
        """Parse one read: usually whole messages."""
        try:
            self._reader.feed(data)
            while (message := self._reader.gets()) is not False:
                if isinstance(message, Exception):
                    raise message
                self._messages.append(message)
        except hiredis.HiredisError as error:
            self._error = redis.ResponseError(f"Redis answers a subscription with: {error}")
            self._transport.abort()
        self._bytes += len(data)
        if self._bytes > MAX_BUFFERED_BYTES:
            self._transport.pause_reading()
        self._arrived.set()

    def pause_writing(self) -> None:
        """Pass on to redis-py, which writes."""
        self._redis_protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass on to redis-py, which writes."""
        self._redis_protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let `next` raise: the connection is lost."""
        self._error = self._error or redis.ConnectionError(f"Redis closed the connection{f': {exc}' if exc else ''}")
        self._arrived.set()
        self._redis_protocol.connection_lost(exc)  # redis-py waits for it when it closes

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
