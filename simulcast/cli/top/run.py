"""`simulcast top`: all processes and the queue, live; needs nothing but Redis, where each process says how it is."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from simulcast.cli.redis import broker_at
from simulcast.cli.top.status_view import StatusView
from simulcast.errors import BrokerUnavailable
from simulcast.process_registry import ProcessRegistry
from simulcast.store.url import redacted_url

REFRESH_INTERVAL_S = 2.0  # as often as processes speak


@asynccontextmanager
async def _census_at(url: str) -> AsyncIterator[ProcessRegistry]:
    """Raises CommandError where Redis doesn't answer."""
    async with broker_at(url):
        census = ProcessRegistry.connect(url)
        try:
            yield census
        finally:
            await census.aclose()


async def _picture(census: ProcessRegistry) -> StatusView:
    return StatusView(time.time(), await census.processes(), await census.queue_stats())


async def once(url: str) -> StatusView:
    """One picture. Raises CommandError where Redis doesn't answer, BrokerUnavailable where it refuses."""
    async with _census_at(url) as census:
        return await _picture(census)


async def live(url: str, console: Console) -> None:
    """Draws until cancelled; when Redis goes away it says so, keeps the last picture, and tries again."""
    async with _census_at(url) as census:
        picture = await _picture(census)
        with Live(console=console, auto_refresh=False, screen=True) as drawing, suppress(asyncio.CancelledError):
            while True:
                status = f"{redacted_url(url)}, {time.strftime('%H:%M:%S')}; Ctrl-C ends it"
                try:
                    picture = await _picture(census)
                except BrokerUnavailable as error:
                    status = f"this is how it was: {error}"
                drawing.update(Group(picture.render(), "", Text(status, style="dim")), refresh=True)
                await asyncio.sleep(REFRESH_INTERVAL_S)
