"""The parts of a running front-end: built together, run together, and closed in order."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from simulcast.broker import Broker
from simulcast.cancellation import is_cancelling, run_until_first
from simulcast.channel_clients import count_clients
from simulcast.containment import contain_errors
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.grant import Grant
from simulcast.frontend.heartbeat import Endpoint, HeartbeatReporter
from simulcast.frontend.ingest.due_flushes import DueFlushes
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import Channels, TooManyChannels
from simulcast.frontend.subscriptions.connection_writer import ConnectionWriter
from simulcast.frontend.subscriptions.hello import PING_INTERVAL_S
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.heartbeat import process_name, send_heartbeats
from simulcast.jobs import Jobs
from simulcast.link_keys import LinkKeys
from simulcast.model.close_codes import Refresh
from simulcast.model.download_url import WEB
from simulcast.model.events import SILENT_TTL_S
from simulcast.model.processes import ChannelCounts, ServiceStatus
from simulcast.own_jobs import OwnJobs
from simulcast.process_registry import ProcessRegistry
from simulcast.revocations import RevocationStore
from simulcast.shared_limits import LimitStore
from simulcast.shared_reading import SharedReading
from simulcast.store.factory import topology_from_url

SWEEP_INTERVAL_S = 5.0
RETRY_AFTER = {"retry-after": "2"}
MAX_OTHER_JOBS = 1000


@dataclass(frozen=True, slots=True)
class Services:
    """`channel`: the one that a client joins who names none. `schemes`: of URLs. `files_dir`: the download folder as
    this process sees it, None where it does not. `connected`: its clients. `closing`: those of them that were told that
    their grants are revoked. `other_jobs`: by channel.
    """

    channel: str
    schemes: Collection[str]
    files_dir: Path | None
    broker: Broker
    jobs: Jobs
    own_jobs: OwnJobs
    channels: Channels
    listeners: ListenerPool
    registry: ProcessRegistry
    channel_counts: SharedReading[ChannelCounts]
    status: SharedReading[ServiceStatus]
    revocations: RevocationStore
    limits: LimitStore
    link_keys: LinkKeys
    connected: set[Subscriber] = field(default_factory=set)
    closing: set[Subscriber] = field(default_factory=set)
    other_jobs: dict[str, tuple[Jobs, OwnJobs]] = field(default_factory=dict)

    async def start(self, channels: Iterable[str], address: str) -> str | None:
        """Begin to follow the channels. Return why that is not possible now, or None when all have started."""
        try:
            await self.channels.follow_all(channels, address)
        except (TimeoutError, TooManyChannels) as error:
            reason = self.listeners.not_ready() or str(error) or "the channel did not start in time"
            return f"no events yet: {reason}"
        return None

    def join(self, options: SubscribeOptions, writer: ConnectionWriter, grant: Grant, address: str) -> Subscriber:
        """Return a new client, which follows nothing yet."""
        return Subscriber(options, writer, self.channels, self.listeners, self.broker, self.connected, grant, address)

    def jobs_in(self, channel: str) -> Jobs:
        """Return the downloads of that channel, whose lists a crowd shares. Raises ValueError for an invalid one."""
        return self._all_jobs_in(channel)[0]

    def own_jobs_in(self, channel: str) -> OwnJobs:
        """As `jobs_in`, for jobs that are no downloads."""
        return self._all_jobs_in(channel)[1]

    def _all_jobs_in(self, channel: str) -> tuple[Jobs, OwnJobs]:
        if channel == self.channel:
            return self.jobs, self.own_jobs
        if channel not in self.other_jobs:
            if len(self.other_jobs) >= MAX_OTHER_JOBS:
                self.other_jobs.clear()
            self.other_jobs[channel] = self.jobs.in_channel(channel), self.own_jobs.in_channel(channel)
        return self.other_jobs[channel]

    def disconnect_revoked(self, is_revoked: Callable[[Grant], bool]) -> None:
        """Disconnect the clients whose grants are revoked, so that they get others.

        A client that stays until the next call is cut.
        """
        revoked = {client for client in self.connected if is_revoked(client.grant)}
        for client in revoked:
            client.is_revoked = True
            if client in self.closing:
                client.abort()
            else:
                client.close(Refresh.TOKEN_EXPIRED, "the token was revoked")
        self.closing.clear()
        self.closing.update(revoked)

    async def run(self, endpoint: Endpoint) -> None:
        """Receive and fan out until cancelled. Raises what one of its tasks raised, which ends the others."""
        name = process_name()
        reporter = HeartbeatReporter(name, time.time(), endpoint, self.channels, self.listeners)
        await run_until_first(
            self.listeners.run(),
            run_periodically(SWEEP_INTERVAL_S, self._sweep),
            run_periodically(PING_INTERVAL_S, self.channels.publish_position_marks),
            send_heartbeats(self.registry, name, reporter.record, dict),
        )

    async def _sweep(self) -> None:
        for client in tuple(self.connected):
            with contain_errors("the sweep of a client"):
                client.disconnect_if_stalled()
        await self.channels.sweep()


@asynccontextmanager
async def open_services(
    url: str,
    channel: str,
    counters: Counters,
    schemes: Collection[str] = WEB,
    silent_ttl_s: int = SILENT_TTL_S,
    files_dir: Path | None = None,
    latency_first: bool = False,
) -> AsyncIterator[Services]:
    """Build the parts, and close them at the end. Nothing is sent yet."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(aclosing(Broker.connect(url, silent_ttl_s)))
        servers = await stack.enter_async_context(aclosing(topology_from_url(url)))
        jobs, own_jobs = Jobs(servers, broker, channel), OwnJobs(servers, broker, channel)
        registry = await stack.enter_async_context(aclosing(ProcessRegistry.connect(url)))
        subscribing = await stack.enter_async_context(aclosing(topology_from_url(url, max_connections=2)))
        flushes = DueFlushes(asyncio.get_running_loop())
        listeners = ListenerPool(broker, subscribing, counters, flushes.run)
        channels = Channels(channel, listeners, flushes, counters, silent_ttl_s, latency_first)
        counts, status = SharedReading(partial(count_clients, registry)), SharedReading(registry.status)
        revocations, limits = RevocationStore(servers, broker), LimitStore(servers, broker)
        yield Services(
            channel,
            schemes,
            files_dir,
            broker,
            jobs,
            own_jobs,
            channels,
            listeners,
            registry,
            counts,
            status,
            revocations,
            limits,
            LinkKeys(servers),
        )


async def run_periodically(interval_s: float, act: Callable[[], Awaitable[None]]) -> None:
    """Await `act` once every interval, until cancelled."""
    while not is_cancelling():
        await asyncio.sleep(interval_s)
        with contain_errors(f"a task of every {interval_s:g} s"):
            await act()
