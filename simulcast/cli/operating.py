"""Commands for who runs the service: what is going on, and what is wrong."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from simulcast.cli.app import Data, Host, RedisUrl, app


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Print one picture and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one picture as JSON and end.")] = False,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Show live what all processes do: front-ends, clients, rates, lag, workers, the queue. Ctrl-C ends it."""
    from rich.console import Console

    from simulcast.cli import redis
    from simulcast.cli.top import run

    url, console = redis.redis_url(redis_url, data), Console()
    if as_json:
        typer.echo(asyncio.run(run.once(url)).as_json())
    elif once or not console.is_terminal:
        console.print(asyncio.run(run.once(url)).render())
    else:
        with suppress(KeyboardInterrupt):
            asyncio.run(run.live(url, console))


@app.command()
def doctor(
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SIMULCAST_PORT", min=1, max=65535, help="Port on which clients are to connect.")
    ] = 8080,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Look for what is wrong, here and in Redis, and say what to change. Exit code 1 if something is wrong."""
    from rich.console import Console

    from simulcast.cli import redis
    from simulcast.cli.doctor import run
    from simulcast.cli.doctor.finding import Severity, render

    url = redis.redis_url(redis_url, data)
    findings = asyncio.run(run.run_checks(os.environ, url, host, port))
    Console(highlight=False).print(render(findings))
    if any(each.level is Severity.WRONG for each in findings):
        raise typer.Exit(1)
