"""What one front-end is made of, put together once and closed in order."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.heartbeat import Endpoint, HeartbeatReporter
from app.server import shutdown_signal
from simulcast.broker import Broker
from simulcast.cancellation import cancel_and_wait, is_cancelling
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import Channels, TooManyChannels
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import PING_INTERVAL_S, ConnectionWriter, Subscriber
from simulcast.heartbeat import process_name, send_heartbeats
from simulcast.jobs import Jobs
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.process_registry import ProcessRegistry
from simulcast.settings.front_end import FrontEndSettings
from simulcast.store.factory import topology_from_url

SWEEP_INTERVAL_S = 5.0
RETRY_AFTER = {"retry-after": "2"}
SHUTTING_DOWN_REASON = "this front-end ends: come back, to another one or when it has started again"
_log = logging.getLogger("simulcast.app")


@dataclass(frozen=True, slots=True)
class Services:
    """Handed to routes by `Depends`. `ending`: set when the process was told to end."""

    broker: Broker
    jobs: Jobs
    channels: Channels
    listener: ListenerPool
    census: ProcessRegistry
    ending: asyncio.Event

    def not_ready(self) -> str | None:
        """Why clients had better not come now, or None when they may, and events arrive here."""
        return SHUTTING_DOWN_REASON if self.ending.is_set() else self.listener.not_ready()

    async def start(self, channels: Iterable[str]) -> str | None:
        """Begins to follow the channels; why that can't be now, or None when all have started."""
        if self.ending.is_set():
            return SHUTTING_DOWN_REASON
        try:
            for channel in channels:
                await self.channels.follow(channel)
        except (TimeoutError, TooManyChannels) as error:
            reason = self.listener.not_ready() or str(error) or "the channel did not start in time"
            return f"no events yet: {reason}"
        return None

    def join(self, wanted: SubscribeOptions, writer: ConnectionWriter) -> Subscriber:
        """A client's membership, not following anything yet."""
        return Subscriber(wanted, writer, self.channels, self.listener, self.broker)


@asynccontextmanager
async def services_lifespan(settings: FrontEndSettings, place: Endpoint) -> AsyncIterator[Services]:
    """Services with their tasks running. If a task dies, the process is told to stop: it must not serve deaf."""
    url = settings.resolved_redis_url()
    broker = Broker.connect(url)
    jobs = Jobs.connect(url, broker)
    census = ProcessRegistry.connect(url)
    subscribing = topology_from_url(url, max_connections=2)
    tally = Counters(time.monotonic)
    listener = ListenerPool(broker, subscribing, tally)
    channels = Channels(DEFAULT_CHANNEL, listener, asyncio.get_running_loop(), tally)
    name = process_name()
    pulse = HeartbeatReporter(name, time.time(), place, channels, listener)
    tasks = [
        asyncio.create_task(listener.run(), name="listener"),
        asyncio.create_task(run_periodically(SWEEP_INTERVAL_S, channels.sweep), name="sweep"),
        asyncio.create_task(run_periodically(PING_INTERVAL_S, channels.publish_position_marks), name="marks"),
        asyncio.create_task(send_heartbeats(census, name, pulse.record, dict), name="heartbeat"),
    ]
    for task in tasks:
        task.add_done_callback(_stop_the_process)
    try:
        with shutdown_signal.shutdown_event() as told_to_end:
            yield Services(broker, jobs, channels, listener, census, told_to_end)
    finally:
        for task in tasks:
            task.remove_done_callback(_stop_the_process)
        await cancel_and_wait(tasks)
        await subscribing.aclose()
        await census.aclose()
        await jobs.aclose()
        await broker.aclose()


async def run_periodically(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    while not is_cancelling():
        await asyncio.sleep(seconds)
        await act()


def _stop_the_process(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        _log.critical("the %s died: stopping", task.get_name(), exc_info=task.exception())
    signal.raise_signal(signal.SIGTERM)
