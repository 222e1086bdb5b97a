"""One sender: calls leave in the order in which they were made, pipelined over one connection.

One connection only: on several, a later call could overtake an earlier one, and a check of sequence numbers would drop
the earlier one. Calls gather while a batch is under way, so many publishing tasks share a round trip. While Redis is
away, repeatable calls wait for it, within bounds in number and time; a newer one supersedes an older one of its key.

With replicas, a change of state is acknowledged once a replica has it. One that no replica has in time is acknowledged
all the same, and kept until a replica has it: if its server dies first, the next master gets it. One that a replica has
is sent again too if another server becomes master within seconds, for that may be another replica. A new epoch shows
that acknowledged calls may be gone. Once too many calls have no replica, further changes of state are refused.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import redis
import redis.asyncio

from simulcast.cancellation import is_cancelling
from simulcast.errors import BrokerUnavailable
from simulcast.store import functions
from simulcast.store.call import LATER, Call, RetainAs, keep_command
from simulcast.store.functions import Command
from simulcast.store.replies import is_full, is_unavailable
from simulcast.store.topology import Topology
from simulcast.store.unreplicated import UnreplicatedCalls

MAX_BATCH = 256
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 64 * 1024 * 1024  # of their arguments
PUBLISH_TIMEOUT_S = 30.0  # how long a publication waits for Redis
MAX_BACKOFF_S = 1.0
IDLE_S = 60.0  # a sender ends after so long without a call
REPLICA_WAIT_MS = 500  # how long a replica has to acknowledge
REPLICA_WAIT_FAST_MS = 20  # the same after one that no replica acknowledged
PROBE_INTERVAL_S = 1.0  # how soon a new master, or a new replica, is noticed
CLOSE_TIMEOUT_S = 5.0  # how long `aclose` waits for a replica that has all retained calls
CHANNEL_TTL_MS = 14 * 24 * 3600 * 1000  # as lua/incarnation.lua


class Sender:
    """Sends to the server of one channel, one batch at a time.

    At most MAX_WAITING calls of MAX_WAITING_BYTES wait. `on_end` is awaited when it is closed, idle
    or cancelled.
    """

    def __init__(self, servers: Topology, channel: str, on_end: Callable[["Sender"], Awaitable[None]]) -> None:
        self._servers = servers
        self._channel = channel
        self._on_end = on_end
        self._waiting: OrderedDict[Call, None] = OrderedDict()  # the oldest first
        self._waiting_bytes = 0
        self._supersedable: dict[str, Call] = {}  # those of `_waiting`, by key
        self._unreplicated = UnreplicatedCalls[Call]()
        self._replica_wait_ms = REPLICA_WAIT_MS
        self._names = servers.names(channel)
        self._client: redis.asyncio.Redis | None = None  # of the server that got the last batch
        self._epoch: object = None  # of the channel, at the last probe
        self._probe_at = 0.0  # loop time
        self._has_calls = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0  # in a row
        self._closed = False
        self._ends_at = float("inf")  # loop time, once closed

    @property
    def closed(self) -> bool:
        """True once later calls are refused."""
        return self._closed

    async def execute(
        self,
        action: str,
        command: Command,
        *,
        timeout_s: float = 0.0,
        key: str = "",
        supersedable: bool = False,
        retain: bool = False,
        retain_as: RetainAs | None = None,
    ) -> object:
        """Return the reply to a command, which is sent in its turn. `action` completes "could not …".

        `timeout_s`: how long it waits for Redis and is sent again, which may execute it twice.
        `supersedable`: while Redis is away, a newer call with its `key` takes its place, and both get one reply.
        `retain`: with replicas, the reply comes once one has the write, or after REPLICA_WAIT_MS; then the call is kept
        until one has it, to be sent to the next master: for idempotent commands only.
        `retain_as`: as `retain`, with the command that it makes of the reply.
        Raises BrokerUnavailable; the command may have been executed then.
        """
        if self._closed:
            raise BrokerUnavailable(f"could not {action}: this publisher was closed")
        deadline = asyncio.get_running_loop().time() + timeout_s if timeout_s else 0.0
        if retain:
            retain_as = keep_command(command)
        call = Call(command, action, deadline, key, supersedable, retain_as is not None, retain_as)
        if retain_as is not None and self._unreplicated.is_full:
            raise BrokerUnavailable(
                f"could not {action}: no replica of Redis has the last {len(self._unreplicated):,} changes of state, "
                "and a process keeps no more of them. Connect a replica, or name the master alone in REDIS_URL"
            )
        if self._failures and (older := self._supersedable.get(key)) is not None and supersedable:
            self._remove(older)
            older.superseded.append(older.reply)
            call.superseded = older.superseded
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES:
            raise BrokerUnavailable(f"could not {action}: {len(self._waiting):,} calls already wait for Redis")
        self._put(call)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="simulcast-sender")
        self._has_calls.set()
        return await call.reply

    async def aclose(self) -> None:
        """Send the waiting calls, then end: after CLOSE_TIMEOUT_S also without a replica. Later calls are refused."""
        self._closed = True
        self._ends_at = asyncio.get_running_loop().time() + CLOSE_TIMEOUT_S
        self._doubt_server()  # a later failover would be missed
        self._has_calls.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        else:
            await self._on_end(self)

    def _put(self, call: Call) -> None:
        self._waiting[call] = None
        self._waiting_bytes += call.size_bytes
        if call.supersedable:
            self._supersedable[call.key] = call

    def _remove(self, call: Call) -> Call:
        del self._waiting[call]
        self._waiting_bytes -= call.size_bytes
        if self._supersedable.get(call.key) is call:
            del self._supersedable[call.key]
        return call

    async def _run(self) -> None:
        batch: list[Call] = []
        try:
            while (self._waiting or self._awaits_replica() or not self._closed) and not is_cancelling():
                if not self._waiting and not await self._wait_for_calls():
                    continue
                batch = [self._remove(next(iter(self._waiting))) for _ in range(min(MAX_BATCH, len(self._waiting)))]
                if not await self._send(batch):
                    await asyncio.sleep(min(0.05 * 2**self._failures, MAX_BACKOFF_S))
        finally:
            self._closed = True
            for call in (*batch, *self._waiting):
                call.set_reply(BrokerUnavailable(f"could not {call.action}: the publisher was stopped"))
            await self._on_end(self)

    def _doubt_server(self) -> None:
        """Look before the next batch for another master, and for an epoch that began."""
        self._servers.invalidate()
        self._probe_at = 0.0

    def _awaits_replica(self) -> bool:
        """Return whether a retained call may have no replica, and there is time for it."""
        is_in_doubt = self._unreplicated.is_retaining and not self._probe_at
        return (bool(self._unreplicated) or is_in_doubt) and asyncio.get_running_loop().time() < self._ends_at

    async def _wait_for_calls(self) -> bool:
        """Wait for calls, and return whether there is something to send. Closes the sender if none came for long."""
        self._has_calls.clear()
        try:
            async with asyncio.timeout(PROBE_INTERVAL_S if self._unreplicated.is_retaining else IDLE_S):
                await self._has_calls.wait()
        except TimeoutError:
            self._closed = self._closed or not (self._unreplicated.is_retaining or self._waiting)
        return bool(self._waiting) or self._awaits_replica() or (self._unreplicated.is_retaining and not self._closed)

    async def _send(self, batch: list[Call]) -> bool:
        """Send retained calls that are due, then the batch. Returns False if Redis is away, with calls put back."""
        unsent: list[tuple[Call, object]] = []
        failure: object = None
        now = asyncio.get_running_loop().time
        try:
            client = await self._servers.client_for(self._channel)
            if self._servers.is_replicated and (client is not self._client or now() >= self._probe_at):
                await self._probe(client)
            while failure is None and (due := self._unreplicated.due(now())):
                failure = next(filter(is_unavailable, await self._execute(client, due)), None)
            replies = await self._execute(client, batch) if batch and failure is None else [failure] * len(batch)
        except redis.RedisError as error:
            replies, failure = [error] * len(batch), error
        for call, reply in zip(batch, replies, strict=True):
            if is_unavailable(reply):
                unsent.append((call, reply))
            else:
                call.set_reply(reply)
        if not unsent and not is_unavailable(failure):
            self._failures = 0
            return True
        self._failures += 1
        self._doubt_server()
        self._requeue(unsent)
        return False

    async def _probe(self, client: redis.asyncio.Redis) -> None:
        """Notice that acknowledged calls may be gone, or that a replica has come. Raises redis.RedisError."""
        head = await functions.call(client, "head", self._names.stream_keys, [1, ""])
        epoch = head[0] if isinstance(head, list) else None
        if epoch != self._epoch:
            self._unreplicated.on_failover()
        elif self._unreplicated:
            # A write of its own, since WAIT covers what its connection wrote, and all that the master had before.
            # Unlike most writes, a full Redis takes it.
            write = ("PEXPIRE", self._names.meta, CHANNEL_TTL_MS)
            await self._execute(client, [Call(write, "probe", 0.0, "", False, True, None)])
        self._client, self._epoch = client, epoch
        self._probe_at = asyncio.get_running_loop().time() + PROBE_INTERVAL_S

    async def _execute(self, client: redis.asyncio.Redis, calls: list[Call]) -> list[object]:
        """Return the replies; loads the library if the server lacks it. Raises redis.RedisError."""
        replies, replicated = await self._exchange(client, calls)
        missing = [i for i, reply in enumerate(replies) if functions.is_missing(reply)]
        if missing:
            await functions.load(client, self._names.stream_keys)
            repeated, replicated = await self._exchange(client, [calls[i] for i in missing])
            for i, reply in zip(missing, repeated, strict=True):
                replies[i] = reply
        self._retain_until_replicated(calls, replies, replicated)
        return replies

    def _retain_until_replicated(self, calls: list[Call], replies: list[object], replicated: bool) -> None:
        if not self._servers.is_replicated or not any(call.wait_for_replica for call in calls):
            return
        self._replica_wait_ms = REPLICA_WAIT_MS if replicated else REPLICA_WAIT_FAST_MS
        now = asyncio.get_running_loop().time()
        for call, reply in zip(calls, replies, strict=True):
            if is_unavailable(reply):
                continue
            if is_full(reply) and call in self._unreplicated:
                self._unreplicated.retry(call)  # it was acknowledged
                continue
            refused = reply is None or isinstance(reply, redis.RedisError)
            retained = None if refused else call.retained(reply)
            if retained is None:
                self._unreplicated.drop(call)
            elif reply == LATER:
                self._unreplicated.postpone(call, now)
            elif replicated:
                self._unreplicated.add_replicated(retained, retained.size_bytes, now)
            else:
                self._unreplicated.add(retained, retained.size_bytes)
        if replicated:
            self._unreplicated.mark_replicated(now)

    def _requeue(self, unsent: list[tuple[Call, object]]) -> None:
        """Put calls back that may wait.

        Each may have been executed, so a superseded one must not follow the newer one: it would be published late.
        """
        now = asyncio.get_running_loop().time()
        newer = {call.key: call for call in self._waiting if call.key}
        for call, error in reversed(unsent):
            if isinstance(error, redis.RedisError) and (call.deadline <= now or self._closed):
                call.set_reply(error)
            elif call.supersedable and call.key in newer:
                newer[call.key].superseded += [call.reply, *call.superseded]
            else:
                self._put(call)
                self._waiting.move_to_end(call, last=False)
                if call.key:
                    newer[call.key] = call

    async def _exchange(self, client: redis.asyncio.Redis, batch: list[Call]) -> tuple[list[object], bool]:
        """Return the replies, and whether a replica has the writes."""
        wait_for_replica = self._servers.is_replicated and any(call.wait_for_replica for call in batch)
        async with client.pipeline(transaction=False) as pipe:
            for call in batch:
                pipe.execute_command(*call.command)
            if wait_for_replica:
                # WAIT covers the writes of its own connection, so it must use the same one.
                pipe.execute_command("WAIT", 1, self._replica_wait_ms)
            replies: list[object] = await pipe.execute(raise_on_error=False)
        replicas = replies.pop() if wait_for_replica else 0
        return replies, isinstance(replicas, int) and replicas > 0
