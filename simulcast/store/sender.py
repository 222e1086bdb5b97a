"""One sender: calls leave in the order in which they were made, over one connection, pipelined.

Concurrent connections lose acknowledged events to a sequence check. While one batch is under way the next one gathers,
so many tasks that publish at once share a round trip. While Redis is away, calls that may be repeated wait for it,
within bounds in number and time; a newer one supersedes an older one of the same key.

Where a replica takes over when a server fails, changes of state wait until one has them. What none has in time is
answered all the same, and sent again until one has it: if the server dies first, the next one tells it again. What one
has is sent again too where another server serves within seconds, for that one may not have it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import redis
import redis.asyncio

from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable
from simulcast.store import functions
from simulcast.store.functions import Argument, Function
from simulcast.store.replies import is_unavailable
from simulcast.store.topology import Topology
from simulcast.store.unreplicated import PROBE_INTERVAL_S, UnreplicatedCalls

MAX_BATCH = 256
MAX_WAITING = 10_000
PUBLISH_TIMEOUT_S = 30.0  # how long a call waits for Redis
MAX_BACKOFF_S = 1.0
IDLE_S = 60.0  # without a call for so long a sender ends
REPLICA_WAIT_MS = 500  # how long a replica has to confirm
REPLICA_WAIT_FAST_MS = 20  # the same while none does
CLOSE_TIMEOUT_S = 5.0  # how long who closes waits for a replica that has what none had

Command = tuple[Argument, ...]


@dataclass(slots=True, eq=False)
class _Call:
    command: Command
    action: str
    deadline: float  # loop time up to which it is sent again; 0 for never
    key: str  # what it is about; "" for nothing
    supersedable: bool  # whether a newer call of that key takes its place while it waits
    wait_for_replica: bool  # answered once a replica has it, if one has it in time
    retain: bool  # sent again after its answer, until a replica has it
    reply: asyncio.Future[object] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    superseded: list[asyncio.Future[object]] = field(default_factory=list)  # they are answered as this one is

    def set_reply(self, result: object) -> None:
        for reply in (self.reply, *self.superseded):
            if reply.done():  # whoever asked was cancelled
                continue
            if isinstance(result, Exception):
                reply.set_exception(result)
            else:
                reply.set_result(result)


class Sender:
    """Sends to the server of one channel, one exchange at a time.

    At most MAX_WAITING calls wait; one more is refused. `ended` is awaited when it ends: closed, idle, or cancelled.
    """

    def __init__(self, servers: Topology, channel: str, on_end: Callable[["Sender"], Awaitable[None]]) -> None:
        self._servers = servers
        self._channel = channel
        self._on_end = on_end
        self._waiting: deque[_Call] = deque()
        self._unreplicated = UnreplicatedCalls[_Call]()
        self._replica_wait_ms = REPLICA_WAIT_MS
        self._client: redis.asyncio.Redis | None = None
        self._has_calls = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0  # failures in a row
        self._closed = False
        self._ends_at = float("inf")  # loop time, once closed

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
        timeout_s: float = 0.0,
        key: str = "",
        supersedable: bool = False,
        wait_for_replica: bool = False,
        retain: bool = False,
    ) -> object:
        """The function's reply; see `execute`."""
        command: Command = ("FCALL", functions.name(function), len(keys), *keys, *args)
        return await self.execute(
            f"call {function}",
            command,
            timeout_s=timeout_s,
            key=key,
            supersedable=supersedable,
            wait_for_replica=wait_for_replica,
            retain=retain,
        )

    async def execute(
        self,
        action: str,
        command: Command,
        *,
        timeout_s: float = 0.0,
        key: str = "",
        supersedable: bool = False,
        wait_for_replica: bool = False,
        retain: bool = False,
    ) -> object:
        """Any command's reply, in its turn. `doing` completes "could not …".

        `patience_s`: for how long it waits for Redis and is sent again, which may carry it out twice. `key`: what it is
        about. `yields`: while Redis is away it is dropped for a newer call of its key, and answered as that one is.
        `confirm`: where there are replicas, the reply comes once one has what was written, or after CONFIRM_MS.
        `keep`: as `confirm`, and sent again while none has it: only for what is done once however often it is sent.
        Raises BrokerUnavailable; whether the call was carried out may then be unknown.
        """
        if self._closed:
            raise BrokerUnavailable(f"could not {action}: this publisher was closed")
        deadline = asyncio.get_running_loop().time() + timeout_s if timeout_s else 0.0
        call = _Call(command, action, deadline, key, supersedable, wait_for_replica or retain, retain)
        if self._failures and supersedable:
            self._replace_older(call)
        if len(self._waiting) >= MAX_WAITING:
            raise BrokerUnavailable(f"could not {action}: {MAX_WAITING:,} calls already wait for Redis")
        self._waiting.append(call)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="simulcast-sender")
        self._has_calls.set()
        return await call.reply

    async def aclose(self) -> None:
        """Sends what waits, then ends, where no replica has it after CLOSING_S. Later calls are refused."""
        self._closed = True
        now = asyncio.get_running_loop().time()
        self._ends_at = now + CLOSE_TIMEOUT_S
        self._servers.invalidate()  # nobody will look later on
        self._unreplicated.on_failover(now)
        self._has_calls.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        else:
            await self._on_end(self)

    def _replace_older(self, call: _Call) -> None:
        for older in self._waiting:
            if older.supersedable and older.key == call.key:
                self._waiting.remove(older)
                call.superseded = [older.reply, *older.superseded]
                return

    async def _run(self) -> None:
        batch: list[_Call] = []
        try:
            while (self._waiting or self._awaits_replica() or not self._closed) and not is_cancelling():
                if not self._waiting and not await self._wait_for_calls():
                    continue
                batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
                if not await self._send(batch):
                    await asyncio.sleep(min(0.05 * 2**self._failures, MAX_BACKOFF_S))
        finally:
            self._closed = True
            for call in (*batch, *self._waiting):
                call.set_reply(BrokerUnavailable(f"could not {call.action}: the publisher was stopped"))
            await self._on_end(self)

    def _awaits_replica(self) -> bool:
        """Whether there is something left that no replica has, and time for it."""
        return bool(self._unreplicated) and asyncio.get_running_loop().time() < self._ends_at

    async def _wait_for_calls(self) -> bool:
        """Waits for calls; whether there is something to send. Closes the sender where none come for long."""
        self._has_calls.clear()
        try:
            async with asyncio.timeout(PROBE_INTERVAL_S if self._unreplicated.is_retaining else IDLE_S):
                await self._has_calls.wait()
        except TimeoutError:
            self._closed = self._closed or not (self._unreplicated.is_retaining or self._waiting)
        return bool(self._waiting) or self._awaits_replica() or (self._unreplicated.is_retaining and not self._closed)

    async def _send(self, batch: list[_Call]) -> bool:
        """False where Redis is away: what may wait is put back."""
        unsent: list[tuple[_Call, object]] = []
        failure: object = None
        now = asyncio.get_running_loop().time
        try:
            client = await self._servers.client_for(self._channel)
            if client is not self._client:
                self._client = client
                self._unreplicated.on_failover(now())
            while failure is None and (again := self._unreplicated.due(now())):
                failure = next(filter(is_unavailable, await self._execute(client, again)), None)
            replies = await self._execute(client, batch) if batch and failure is None else [failure] * len(batch)
        except redis.RedisError as error:
            replies, failure = [error] * len(batch), error
        for call, reply in zip(batch, replies, strict=True):
            if is_unavailable(reply):
                unsent.append((call, reply))
            else:
                call.set_reply(
                    functions.translate_error(reply, call.action) if isinstance(reply, redis.RedisError) else reply
                )
        if not unsent and not is_unavailable(failure):
            self._failures = 0
            return True
        self._failures += 1
        self._servers.invalidate()
        self._unreplicated.on_failover(now())
        self._requeue(unsent)
        return False

    async def _execute(self, client: redis.asyncio.Redis, calls: list[_Call]) -> list[object]:
        """The replies, with the library loaded where the server lacked it. Raises redis.RedisError."""
        replies, replicated = await self._exchange(client, calls)
        missing = [i for i, reply in enumerate(replies) if functions.is_missing(reply)]
        if missing:
            await functions.load(client.execute_command)
            found, replicated = await self._exchange(client, [calls[i] for i in missing])
            for i, reply in zip(missing, found, strict=True):
                replies[i] = reply
        self._retain_until_replicated(calls, replies, replicated)
        return replies

    def _retain_until_replicated(self, calls: list[_Call], replies: list[object], replicated: bool) -> None:
        """Keeps what was done, for as long as the server that takes over may not know of it."""
        if not self._servers.is_replicated or not any(call.wait_for_replica for call in calls):
            return
        self._replica_wait_ms = REPLICA_WAIT_MS if replicated else REPLICA_WAIT_FAST_MS
        now = asyncio.get_running_loop().time()
        for call, reply in zip(calls, replies, strict=True):
            if is_unavailable(reply):
                continue
            if reply is None or isinstance(reply, redis.RedisError):
                self._unreplicated.drop(call)
            elif call.retain and replicated:
                self._unreplicated.mark_replicated(call, now)
            elif call.retain:
                self._unreplicated.add(call, now)
        if replicated:
            self._unreplicated.retry_all_now()

    def _requeue(self, unsent: list[tuple[_Call, object]]) -> None:
        """All of it may have been carried out: what yields must not be told again behind what came after it."""
        now = asyncio.get_running_loop().time()
        newer = {call.key: call for call in self._waiting if call.key}
        for call, error in reversed(unsent):
            if isinstance(error, redis.RedisError) and (call.deadline <= now or self._closed):
                call.set_reply(functions.translate_error(error, call.action))
            elif call.supersedable and call.key in newer:
                newer[call.key].superseded += [call.reply, *call.superseded]
            else:
                self._waiting.appendleft(call)
                if call.key:
                    newer[call.key] = call

    async def _exchange(self, client: redis.asyncio.Redis, batch: list[_Call]) -> tuple[list[object], bool]:
        """The replies, and whether a replica has what was written."""
        wait_for_replica = self._servers.is_replicated and any(call.wait_for_replica for call in batch)
        async with client.pipeline(transaction=False) as pipe:
            for call in batch:
                pipe.execute_command(*call.command)
            if wait_for_replica:
                # Waits for what this connection wrote, so it must follow over the same one.
                pipe.execute_command("WAIT", 1, self._replica_wait_ms)
            replies: list[object] = await pipe.execute(raise_on_error=False)
        confirmations = replies.pop() if wait_for_replica else 0
        return replies, isinstance(confirmations, int) and confirmations > 0
