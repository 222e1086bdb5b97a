"""`simulcast top`: all processes and the queue, live. Each process reports its status to Redis."""

import asyncio
import time
from contextlib import suppress

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from simulcast.cli.commands import Target
from simulcast.cli.errors import ServiceUnavailable
from simulcast.cli.top.status_view import StatusView
from simulcast.errors import BrokerUnavailable
from simulcast.model.processes import ServiceStatus

REFRESH_INTERVAL_S = 2.0  # processes report as often


async def read_status(target: Target) -> ServiceStatus:
    """Return the present status. Raises CommandError if the service doesn't answer, BrokerUnavailable if it refuses."""
    async with target.open() as service:
        return await service.status()


async def show_live(target: Target, console: Console) -> None:
    """Draw the status until cancelled; while the service is away, keep the last one, name the reason, and retry."""
    async with target.open() as service:
        status = await service.status()
        with Live(console=console, auto_refresh=False, screen=True) as display, suppress(asyncio.CancelledError):
            while True:
                footer = f"{target}, {time.strftime('%H:%M:%S')}; Ctrl-C ends it"
                try:
                    status = await service.status()
                except (BrokerUnavailable, ServiceUnavailable) as error:
                    footer = f"out of date: {error}"
                display.update(Group(StatusView(status), "", Text(footer, style="dim")), refresh=True)
                await asyncio.sleep(REFRESH_INTERVAL_S)
