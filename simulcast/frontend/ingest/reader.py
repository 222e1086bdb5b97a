"""What comes by the subscribed connection, all of one read at a time.

redis-py hands over one message for each await, which costs more than all that is done with a message afterwards. Here
hiredis parses a whole read, and what arrived together is flushed together.
"""

import asyncio
from typing import Any

import hiredis
import redis
from redis.asyncio.client import PubSub

MAX_BUFFERED_BYTES = 8 * 1024 * 1024  # by which the listener may be late; then Redis' own buffer fills

Message = list[Any]  # its kind and its channel, as bytes, and what was published, or how many channels there are now


class SubscriptionReader(asyncio.Protocol):
    """Reads in the place of redis-py, which has made the connection (TLS, AUTH) and goes on writing to it.

    For that it needs private members: redis-py's version is pinned, and its test_reader.py fails when they change.
    """

    def __init__(self, pubsub: PubSub) -> None:
        connection: Any = pubsub.connection
        self._reader = hiredis.Reader()
        self._messages: list[Message] = []
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._end: Exception | None = None
        self._transport: asyncio.Transport = connection._writer.transport
        self._replaced: Any = self._transport.get_protocol()
        self._transport.set_protocol(self)
        self.data_received(bytes(connection._reader._buffer))
        self._transport.resume_reading()  # what was read before may have been more than asyncio's streams hold

    def data_received(self, data: bytes) -> None:
        """A read: usually whole messages."""
        try:
            self._reader.feed(data)
            while (message := self._reader.gets()) is not False:
                if isinstance(message, Exception):
                    raise message
                self._messages.append(message)
        except hiredis.HiredisError as error:
            self._end = redis.ResponseError(f"Redis answers a subscription with: {error}")
            self._transport.abort()
        self._bytes += len(data)
        if self._bytes > MAX_BUFFERED_BYTES:
            self._transport.pause_reading()
        self._arrived.set()

    def pause_writing(self) -> None:
        """For redis-py, which writes."""
        self._replaced.pause_writing()

    def resume_writing(self) -> None:
        """For redis-py, which writes."""
        self._replaced.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Redis is gone: `next` says so."""
        self._end = self._end or redis.ConnectionError(f"Redis closed the connection{f': {exc}' if exc else ''}")
        self._arrived.set()
        self._replaced.connection_lost(exc)  # who closes the connection waits for it

    async def next(self) -> list[Message]:
        """What has arrived, at least one message. Raises redis.RedisError when no more will."""
        while not self._messages:
            if self._end is not None:
                raise self._end
            self._arrived.clear()
            await self._arrived.wait()
        messages, self._messages = self._messages, []
        if self._bytes > MAX_BUFFERED_BYTES:
            self._transport.resume_reading()
        self._bytes = 0
        return messages
