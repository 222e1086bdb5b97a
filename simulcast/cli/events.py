"""The commands about events and their channels: publish, watch, channels; and `top`, which shows who serves them."""

import asyncio
import json
from contextlib import suppress
from typing import Annotated

import typer

from simulcast.cli.commands import Json, Target, Token, command, service_command


@service_command(
    """simulcast publish downloads '{"type":"hello"}'""",
    "simulcast publish news - --url https://host < event.json",
)
def publish(
    target: Target,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel, usually downloads.")],
    event: Annotated[str, typer.Argument(metavar="JSON", help="The event, a JSON object; - reads standard input.")],
    key: Annotated[
        str, typer.Option(metavar="KEY", help="Key of an event of your own: newer events supersede older ones.")
    ] = "",
    ends: Annotated[bool, typer.Option("--ends", help="This event ends its key.")] = False,
    ttl: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="Silence after which the key leaves the snapshot.")
    ] = None,
    idempotency_key: Annotated[
        str, typer.Option(metavar="KEY", help="Publish once, however often this is repeated.")
    ] = "",
) -> None:
    """Publish one event to all clients of a channel. Prints its event_id."""
    from simulcast.cli import publish
    from simulcast.cli.lines import standard_input
    from simulcast.cli.service.protocol import PublishOptions

    text = publish.read_all(standard_input()) if event == "-" else event
    event_id = asyncio.run(publish.publish(target, channel, text, PublishOptions(key, idempotency_key, ttl, ends)))
    typer.echo(json.dumps({"event_id": event_id}) if target.as_json else event_id)


@command(
    "simulcast watch",
    "simulcast watch --url https://host/sub --channel news",
    "simulcast watch --json | jq .progress",
)
def watch(
    url: Annotated[
        str,
        typer.Option(
            envvar="SIMULCAST_URL",
            metavar="URL",
            help="Address of a front-end, such as https://host/sub or wss://host/sub/ws.",
        ),
    ] = "http://localhost:8080",
    token: Token = "",
    channel: Annotated[
        list[str] | None,
        typer.Option(metavar="CHANNEL", help="Channel to follow; may be repeated.", show_default="downloads"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show events live: bars in a terminal, plain lines elsewhere. Ctrl-C ends it."""
    from simulcast.cli.publish import check_channel
    from simulcast.cli.watch import run

    for name in channel or ():
        check_channel(name)
    with suppress(KeyboardInterrupt):
        asyncio.run(run.watch(url, token, channel or (), as_json=as_json))


@service_command("simulcast channels", "simulcast channels --url https://host --json")
def channels(target: Target) -> None:
    """Print the channels that have clients, and their numbers."""
    from simulcast.model.processes import ChannelCounts

    async def read() -> ChannelCounts:
        async with target.open() as service:
            return await service.channels()

    counts = asyncio.run(read())
    if target.as_json:
        typer.echo(counts.model_dump_json())
        return
    for count in counts.channels:
        typer.echo(f"{count.clients:>9,}  {count.channel}")
    if not counts.complete:
        typer.echo("channels with few clients may be missing")


@service_command("simulcast top", "simulcast top --once --url https://host/sub")
def top(
    target: Target,
    once: Annotated[bool, typer.Option("--once", help="Print the status once and end, as with --json.")] = False,
) -> None:
    """Show all processes and the queue, live. Ctrl-C ends it."""
    from rich.console import Console

    from simulcast.cli.top import run
    from simulcast.cli.top.status_view import StatusView

    console = Console(highlight=False)
    if target.as_json:
        typer.echo(asyncio.run(run.read_status(target)).model_dump_json())
    elif once or not console.is_terminal:
        console.print(StatusView(asyncio.run(run.read_status(target))))
    else:
        with suppress(KeyboardInterrupt):
            asyncio.run(run.show_live(target, console))
