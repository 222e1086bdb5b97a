"""One sender: calls leave in the order in which they were made, over one connection, pipelined.

Concurrent connections lose acknowledged events to a sequence check. While one batch is under way the next one gathers,
so many tasks that publish at once share a round trip. While Redis is away, calls that may be repeated wait for it,
within bounds in number and time; a newer one supersedes an older one of the same key.
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
PATIENCE_S = 30.0  # how long a call waits for Redis
LONGEST_PAUSE_S = 1.0

Command = tuple[Argument, ...]


@dataclass(slots=True, eq=False)
class _Call:
    command: Command
    doing: str
    until: float  # loop time up to which it is sent again; 0 for never
    key: str  # what it is about; "" for nothing
    yields: bool  # whether a newer call of that key takes its place while it waits
    reply: asyncio.Future[object] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    superseded: list[asyncio.Future[object]] = field(default_factory=list)  # they are answered as this one is

    def answer(self, result: object) -> None:
        for reply in (self.reply, *self.superseded):
            if reply.done():  # whoever asked was cancelled
                continue
            if isinstance(result, Exception):
                reply.set_exception(result)
            else:
                reply.set_result(result)


class Sender:
    """Owns `client`, which must have one connection. At most MAX_WAITING calls wait; one more is refused."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._waiting: deque[_Call] = deque()
        self._gathered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._away = 0  # failures in a row
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether later calls are refused."""
        return self._closed

    async def call(
        self,
        function: Function,
        keys: Sequence[str],
        args: Sequence[Argument],
        *,
        patience_s: float = 0.0,
        key: str = "",
        yields: bool = False,
    ) -> object:
        """The function's reply; see `execute`."""
        command: Command = ("FCALL", library.name(function), len(keys), *keys, *args)
        return await self.execute(f"call {function}", command, patience_s=patience_s, key=key, yields=yields)

    async def execute(
        self, doing: str, command: Command, *, patience_s: float = 0.0, key: str = "", yields: bool = False
    ) -> object:
        """Any command's reply, in its turn. `doing` completes "could not …".

        `patience_s`: for how long it waits for Redis and is sent again, which may carry it out twice. `key`: what it is
        about. `yields`: while Redis is away it is dropped for a newer call of its key, and answered as that one is.
        Raises BrokerUnavailable; whether the call was carried out may then be unknown.
        """
        if self._closed:
            raise BrokerUnavailable(f"could not {doing}: this publisher was closed")
        until = asyncio.get_running_loop().time() + patience_s if patience_s else 0.0
        call = _Call(command, doing, until, key, yields)
        if self._away and yields:
            self._supersede(call)
        if len(self._waiting) >= MAX_WAITING:
            raise BrokerUnavailable(f"could not {doing}: {MAX_WAITING:,} calls already wait for Redis")
        self._waiting.append(call)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="simulcast-sender")
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

    def _supersede(self, call: _Call) -> None:
        for older in self._waiting:
            if older.yields and older.key == call.key:
                self._waiting.remove(older)
                call.superseded = [older.reply, *older.superseded]
                return

    async def _run(self) -> None:
        batch: list[_Call] = []
        try:
            while (self._waiting or not self._closed) and not asked_to_stop():
                if not self._waiting:
                    self._gathered.clear()
                    await self._gathered.wait()
                    continue
                batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
                if not await self._send(batch):
                    await asyncio.sleep(min(0.05 * 2**self._away, LONGEST_PAUSE_S))
        finally:
            self._closed = True
            for call in (*batch, *self._waiting):
                call.answer(BrokerUnavailable(f"could not {call.doing}: the publisher was stopped"))
            await self._client.aclose()

    async def _send(self, batch: list[_Call]) -> bool:
        """False where Redis is away: what may wait is put back."""
        try:
            replies = await self._exchange(batch)
            missing = [i for i, reply in enumerate(replies) if library.is_missing(reply)]
            if missing:
                await library.load(self._client.execute_command)
                for i, reply in zip(missing, await self._exchange([batch[i] for i in missing]), strict=True):
                    replies[i] = reply
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self._away += 1
            self._put_back(batch, error)
            return False
        except redis.RedisError as error:
            replies = [error] * len(batch)
        self._away = 0
        for call, reply in zip(batch, replies, strict=True):
            call.answer(library.translated(reply, call.doing) if isinstance(reply, redis.RedisError) else reply)
        return True

    def _put_back(self, batch: list[_Call], error: redis.RedisError) -> None:
        """All of it may have been carried out: what yields must not be told again behind what came after it."""
        now = asyncio.get_running_loop().time()
        newer = {call.key: call for call in self._waiting if call.key}
        for call in reversed(batch):
            if call.until <= now or self._closed:
                call.answer(library.translated(error, call.doing))
            elif call.yields and call.key in newer:
                newer[call.key].superseded += [call.reply, *call.superseded]
            else:
                self._waiting.appendleft(call)
                if call.key:
                    newer[call.key] = call

    async def _exchange(self, batch: list[_Call]) -> list[object]:
        async with self._client.pipeline(transaction=False) as pipe:
            for call in batch:
                pipe.execute_command(*call.command)
            replies: list[object] = await pipe.execute(raise_on_error=False)
            return replies
