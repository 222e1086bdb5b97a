"""One sender: calls leave in the order in which they were made, over one connection, pipelined.

Concurrent connections lose acknowledged events to a sequence check: 47 of 1,000 in a trial. While one batch is under
way the next one gathers, so many tasks that publish at once share a round trip.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import redis
import redis.asyncio

from simulcast import library
from simulcast.errors import BrokerUnavailable
from simulcast.library import Argument, Function
from simulcast.stopping import asked_to_stop

MAX_BATCH = 256
MAX_WAITING = 10_000


@dataclass(slots=True)
class _Call:
    command: tuple[Argument, ...]
    doing: str
    reply: asyncio.Future[object] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Sender:
    """Owns `client`, which must have one connection. At most MAX_WAITING calls wait; one more is refused."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._waiting: deque[_Call] = deque()
        self._gathered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether later calls are refused."""
        return self._closed

    async def call(self, function: Function, keys: Sequence[str], args: Sequence[Argument]) -> object:
        """The function's reply. Raises BrokerUnavailable; whether the call was carried out may then be unknown."""
        return await self.execute(f"call {function}", ("FCALL", library.name(function), len(keys), *keys, *args))

    async def execute(self, doing: str, command: tuple[Argument, ...]) -> object:
        """Any command's reply, in its turn. `doing` completes "could not …". Raises as `call`."""
        if self._closed:
            raise BrokerUnavailable("could not publish: this publisher was closed")
        if len(self._waiting) >= MAX_WAITING:
            raise BrokerUnavailable(f"could not publish: {MAX_WAITING:,} publications already wait for Redis")
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="simulcast-sender")
        call = _Call(command, doing)
        self._waiting.append(call)
        self._gathered.set()
        return await call.reply

    async def aclose(self) -> None:
        """Sends what waits, then closes the connection. Later calls are refused."""
        self._closed = True
        self._gathered.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        else:
            await self._client.aclose()

    async def _run(self) -> None:
        batch: list[_Call] = []
        try:
            while (self._waiting or not self._closed) and not asked_to_stop():
                if not self._waiting:
                    self._gathered.clear()
                    await self._gathered.wait()
                    continue
                batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
                await self._send(batch)
        finally:
            self._closed = True
            for call in (*batch, *self._waiting):
                if not call.reply.done():
                    call.reply.set_exception(BrokerUnavailable("could not publish: the publisher was stopped"))
            await self._client.aclose()

    async def _send(self, batch: list[_Call]) -> None:
        try:
            replies = await self._exchange(batch)
            missing = [i for i, reply in enumerate(replies) if library.is_missing(reply)]
            if missing:
                await library.load(self._client.execute_command)
                for i, reply in zip(missing, await self._exchange([batch[i] for i in missing]), strict=True):
                    replies[i] = reply
        except redis.RedisError as error:
            replies = [error] * len(batch)
        for call, reply in zip(batch, replies, strict=True):
            if call.reply.done():  # whoever asked was cancelled
                continue
            if isinstance(reply, redis.RedisError):
                call.reply.set_exception(library.translated(reply, call.doing))
            else:
                call.reply.set_result(reply)

    async def _exchange(self, batch: list[_Call]) -> list[object]:
        async with self._client.pipeline(transaction=False) as pipe:
            for call in batch:
                pipe.execute_command(*call.command)
            replies: list[object] = await pipe.execute(raise_on_error=False)
            return replies
