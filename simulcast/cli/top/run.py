"""`simulcast top`: all processes and the queue, live, read from Redis, where each process reports its status."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from simulcast.cli.redis import broker_at
from simulcast.cli.top.status_view import StatusView
from simulcast.errors import BrokerUnavailable
from simulcast.process_registry import ProcessRegistry
from simulcast.store.url import redacted_url

REFRESH_INTERVAL_S = 2.0  # processes report as often


@asynccontextmanager
async def _registry_at(url: str) -> AsyncIterator[ProcessRegistry]:
    """Open the registry. Raises CommandError if Redis doesn't answer."""
    async with broker_at(url), aclosing(ProcessRegistry.connect(url)) as registry:
        yield registry


async def _read(registry: ProcessRegistry) -> StatusView:
    return StatusView(time.time(), await registry.processes(), await registry.queue_stats())


async def read_status(url: str) -> StatusView:
    """Return the present status. Raises CommandError if Redis doesn't answer, BrokerUnavailable if it refuses."""
    async with _registry_at(url) as registry:
        return await _read(registry)


async def show_live(url: str, console: Console) -> None:
    """Draw the status until cancelled; while Redis is away, keep the last one, name the reason, and retry."""
    async with _registry_at(url) as registry:
        status = await _read(registry)
        with Live(console=console, auto_refresh=False, screen=True) as display, suppress(asyncio.CancelledError):
            while True:
                footer = f"{redacted_url(url)}, {time.strftime('%H:%M:%S')}; Ctrl-C ends it"
                try:
                    status = await _read(registry)
                except BrokerUnavailable as error:
                    footer = f"out of date: {error}"
                display.update(Group(status.render(), "", Text(footer, style="dim")), refresh=True)
                await asyncio.sleep(REFRESH_INTERVAL_S)
