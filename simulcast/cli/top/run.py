"""`simulcast top`: all processes and the queue, live; needs nothing but Redis, where each process says how it is."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from simulcast.cli.redis import broker_at
from simulcast.cli.top.status_view import Picture
from simulcast.errors import BrokerUnavailable
from simulcast.process_registry import Census
from simulcast.store.url import shown

EVERY_S = 2.0  # as often as processes speak


@asynccontextmanager
async def _census_at(url: str) -> AsyncIterator[Census]:
    """Raises CommandError where Redis doesn't answer."""
    async with broker_at(url):
        census = Census.connect(url)
        try:
            yield census
        finally:
            await census.aclose()


async def _picture(census: Census) -> Picture:
    return Picture(time.time(), await census.processes(), await census.survey())


async def once(url: str) -> Picture:
    """One picture. Raises CommandError where Redis doesn't answer, BrokerUnavailable where it refuses."""
    async with _census_at(url) as census:
        return await _picture(census)


async def live(url: str, console: Console) -> None:
    """Draws until cancelled; when Redis goes away it says so, keeps the last picture, and tries again."""
    async with _census_at(url) as census:
        picture = await _picture(census)
        with Live(console=console, auto_refresh=False, screen=True) as drawing, suppress(asyncio.CancelledError):
            while True:
                status = f"{shown(url)}, {time.strftime('%H:%M:%S')}; Ctrl-C ends it"
                try:
                    picture = await _picture(census)
                except BrokerUnavailable as error:
                    status = f"this is how it was: {error}"
                drawing.update(Group(picture.drawn(), "", Text(status, style="dim")), refresh=True)
                await asyncio.sleep(EVERY_S)
