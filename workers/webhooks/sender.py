"""Tells addresses of ends: takes deliveries that are due from each channel, sends them, and settles them in Redis.

A delivery that a process takes and never settles, because it is killed, is due again for all once its lease is over. So
each end is delivered at least once, and the receiver knows a repetition by its id.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from simulcast.cancellation import is_cancelling
from simulcast.download_channels import DownloadChannels
from simulcast.errors import BrokerUnavailable
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.store.topology import Topology
from simulcast.webhooks import CALLBACKS, Delivery, Webhooks
from workers.errors import DownloadFailed
from workers.webhooks.schedule import delay_after, pause_after

POLL_S = 1.0
TURN_S = 0.02  # each delivery that ends may let another one begin: those that end in it cost one call
SEARCH_INTERVAL_S = 60.0  # for channels whose wake-ups were missed
MAX_SENDING = 384  # more than all addresses and callbacks may have by lua/webhooks.lua: none takes another's place
MAX_CHANNELS = 10_000  # that may have ends; further ones are found once these have none
SHUTDOWN_TIMEOUT_S = 5.0

_log = logging.getLogger("simulcast.webhooks")


class WebhookSender:
    """Sends at most MAX_SENDING deliveries simultaneously, of the channels that `patterns` cover.

    Those that are named may always have some, others once woken or found. Does not own `servers`.
    """

    def __init__(
        self,
        servers: Topology,
        webhooks: Webhooks,
        patterns: ChannelPatterns,
        deliver: Callable[[Delivery], Awaitable[None]],
    ) -> None:
        """`deliver` raises DownloadFailed, with the reason, for what is to be sent again."""
        self._webhooks = webhooks
        self._deliver = deliver
        self._patterns = patterns
        self._finder = DownloadChannels(servers)
        self._rng = random.Random()  # noqa: S311 (nothing secret depends on it)
        self._due = dict.fromkeys(patterns.names, 0.0)  # loop time from which a channel is to be asked
        self._sending = Counter[str]()  # by payee, and of all CALLBACKS
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    def wake(self, channel: str) -> None:
        """Note that a channel has ends."""
        if self._patterns.covers(channel) and (channel in self._due or len(self._due) < MAX_CHANNELS):
            self._due[channel] = 0.0
            self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and then what is under way. No failure is one of the worker."""
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(self._take(group, stop), name="take webhooks")
            searching = group.create_task(self._search(), name="search for ends")
            await stop.wait()
            self._wake.set()
            await asyncio.wait([taking], timeout=SHUTDOWN_TIMEOUT_S)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=SHUTDOWN_TIMEOUT_S)
            for task in (taking, searching, *self._tasks):
                task.cancel()

    async def _take(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        now = asyncio.get_running_loop().time
        while not stop.is_set() and not is_cancelling():
            self._wake.clear()
            for channel in [channel for channel, due in self._due.items() if due <= now()]:
                if len(self._tasks) < MAX_SENDING:
                    await self._ask(channel, group)
            is_full = len(self._tasks) >= MAX_SENDING
            pause_s = POLL_S if is_full else min(self._due.values(), default=now() + POLL_S) - now()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(pause_s, 0.0), POLL_S)):
                    await self._wake.wait()
            await asyncio.sleep(TURN_S)

    async def _ask(self, channel: str, group: asyncio.TaskGroup) -> None:
        """Take deliveries of one channel, and note when to ask it again."""
        now = asyncio.get_running_loop().time()
        del self._due[channel]  # and to the end: the channel that was asked longest ago is asked first
        self._due[channel] = now + POLL_S
        try:
            taken = await self._webhooks.take(channel, MAX_SENDING - len(self._tasks), self._sending)
        except BrokerUnavailable as error:
            _log.warning("no webhooks: %s", error)
            return
        except Exception:
            _log.exception("the webhooks of %s can't be read", channel)
            return
        for delivery in taken.deliveries:
            self._count(delivery, 1)
            task = group.create_task(self._send(delivery), name=f"webhook {delivery.message_id}")
            self._tasks.add(task)
            task.add_done_callback(partial(self._end, delivery))
        if taken.dropped:
            _log.error("%d deliveries were dropped: too many wait for their addresses", taken.dropped)
        if taken.next_s is not None:
            self._due[channel] = min(self._due[channel], now + taken.next_s)
        elif channel not in self._patterns.names and self._due[channel] > now:
            del self._due[channel]

    def _count(self, delivery: Delivery, number: int) -> None:
        for name in (delivery.payee, *((CALLBACKS,) if delivery.is_callback else ())):
            self._sending[name] += number
            if not self._sending[name]:
                del self._sending[name]

    async def _send(self, delivery: Delivery) -> None:
        try:
            await self._try(delivery)
        except BrokerUnavailable as error:
            _log.warning("%s is sent again: %s", delivery.message_id, error)
        except Exception:
            _log.exception("%s could not be settled", delivery.message_id)

    def _end(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._count(delivery, -1)
        self.wake(delivery.channel)  # the next of its key is due now

    async def _try(self, delivery: Delivery) -> None:
        try:
            await self._deliver(delivery)
        except DownloadFailed as error:
            await self._fail(delivery, error)
        except Exception as error:
            _log.exception("%s could not be sent", delivery.message_id)
            await self._fail(delivery, DownloadFailed(f"unexpected: {type(error).__name__}"))
        else:
            await self._webhooks.settle(delivery, is_delivered=True)

    async def _fail(self, delivery: Delivery, error: DownloadFailed) -> None:
        host, key = urlsplit(delivery.address).hostname or delivery.address, delivery.publication.key
        delay_s = delay_after(error, delivery, self._rng)
        if delay_s is None:
            _log.error("the end of %s was not told to %s, and is given up: %s", key, host, error)
            await self._webhooks.settle(delivery, is_delivered=False)
            return
        _log.log(logging.INFO if delivery.failures else logging.WARNING, "%s was not told: %s", host, error)
        await self._webhooks.retry(delivery, delay_s, pause_after(delivery, self._rng), str(error))

    async def _search(self) -> None:
        """Look for channels with ends that no wake-up has told of, if there may be some that no setting names."""
        while self._patterns.prefixes and not is_cancelling():
            try:
                for channel in await self._finder.with_ends():
                    if channel not in self._due:
                        self.wake(channel)
            except Exception as error:
                _log.warning("channels with webhooks not looked for: %r", error)
            await asyncio.sleep(SEARCH_INTERVAL_S * self._rng.uniform(0.5, 1.0))
