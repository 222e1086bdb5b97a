"""The messages of Redis that wake a worker: one for each job that is ready, and for each command to an owner."""

import asyncio
import logging
from collections.abc import Callable

import redis
import redis.asyncio

from simulcast.cancellation import is_cancelling
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.store.topology import Topology

POLL_S = 1.0
WAKE_INTERVAL_S = 0.02  # anyone may publish wake-ups: those that come in it cost one round trip
MAX_WAKE_UPS = 500  # that are read then
_SUFFIX = "//wake"  # as ChannelNames.wake
_log = logging.getLogger("simulcast.worker")


class WakeUps:
    """Receives the wake-ups of all channels by one subscription: a cluster sends them to each of its servers.

    `on_wake` gets the channel and the download's id, which anyone may have made up. `on_subscribed` is called each time
    that wake-ups may have been missed. Does not own `servers`.
    """

    def __init__(
        self,
        servers: Topology,
        patterns: ChannelPatterns,
        on_wake: Callable[[str, str], None],
        on_subscribed: Callable[[], None],
    ) -> None:
        self._servers = servers
        self._prefix = servers.names().prefix
        self._names = [servers.names(name).wake for name in patterns.names]
        self._patterns = [f"{self._prefix}{prefix}*{_SUFFIX}" for prefix in patterns.prefixes]
        self._at = next(iter(patterns.names), DEFAULT_CHANNEL)  # the channel whose server is subscribed to
        self._on_wake = on_wake
        self._on_subscribed = on_subscribed

    async def run(self) -> None:
        """Receive until cancelled. A wake-up that is lost costs POLL_S, or a renewal."""
        while not is_cancelling():
            try:
                await self._receive(await self._servers.client_for(self._at))
            except (redis.RedisError, OSError) as error:
                self._servers.invalidate()
                _log.warning("no wake-ups: %s", error)
            await asyncio.sleep(POLL_S)

    async def _receive(self, client: redis.asyncio.Redis) -> None:
        async with client.pubsub() as pubsub:
            if self._names:
                await pubsub.subscribe(*self._names)
            if self._patterns:
                await pubsub.psubscribe(*self._patterns)
            self._on_subscribed()
            while not is_cancelling() and client is await self._servers.client_for(self._at):
                timeout_s = POLL_S
                for _ in range(MAX_WAKE_UPS):
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout_s)
                    if message is None:
                        break
                    name, text = (message[part].decode("utf-8", "replace") for part in ("channel", "data"))
                    self._on_wake(name.removeprefix(self._prefix).removesuffix(_SUFFIX), text)
                    timeout_s = 0.0
                await asyncio.sleep(WAKE_INTERVAL_S)
