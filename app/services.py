"""What one front-end is made of, put together once and closed in order."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.feed import Feed
from app.hub import Hub
from app.listener import Listener
from app.log import Log
from app.settings import FrontEndSettings
from app.snapshot import Snapshot
from simulcast.broker import Broker
from simulcast.connection import connect
from simulcast.jobs import Jobs
from simulcast.names import ChannelNames

SWEEP_S = 5.0
_log = logging.getLogger("simulcast.app")


@dataclass(frozen=True, slots=True)
class Services:
    """Handed to routes by `Depends`."""

    broker: Broker
    jobs: Jobs
    feed: Feed
    listener: Listener


@asynccontextmanager
async def running(settings: FrontEndSettings) -> AsyncIterator[Services]:
    """Services with their tasks running. If a task dies, the process is told to stop: it must not serve deaf."""
    loop = asyncio.get_running_loop()
    url = settings.resolved_redis_url()
    names = ChannelNames()
    broker = Broker.connect(url)
    jobs = Jobs.connect(url, broker)
    subscribing = connect(url, most_connections=2)
    hub = Hub(Log(), loop.time, loop.call_at)
    feed = Feed(hub, Snapshot(time.monotonic))
    listener = Listener(broker, subscribing, feed, names, time.monotonic)
    tasks = [
        asyncio.create_task(listener.run(), name="listener"),
        asyncio.create_task(_sweep(hub), name="sweep"),
    ]
    for task in tasks:
        task.add_done_callback(_stop_the_process)
    try:
        yield Services(broker, jobs, feed, listener)
    finally:
        for task in tasks:
            task.remove_done_callback(_stop_the_process)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await subscribing.aclose()
        await jobs.aclose()
        await broker.aclose()


async def _sweep(hub: Hub) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        hub.cut_the_hopeless()


def _stop_the_process(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        _log.critical("the %s died: stopping", task.get_name(), exc_info=task.exception())
    signal.raise_signal(signal.SIGTERM)
