"""The commands that add downloads and list downloads and other jobs."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from simulcast.cli.commands import Channel, Target, service_command
from simulcast.errors import CommandError

if TYPE_CHECKING:
    from simulcast.cli.listing import Record

DOWNLOAD = "download"  # the kind of downloads, for `simulcast list`


@service_command(
    "simulcast add https://example.com/a.iso --limit 2MB",
    "simulcast add - < urls.txt",
    "simulcast add https://example.com/b.iso --url https://host/sub",
)
def add(
    target: Target,
    urls: Annotated[
        list[str],
        typer.Argument(
            metavar="URL",
            help="A URL to download; - reads them from standard input, one a line, without blank lines and # comments.",
        ),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the file.")] = "",
    checksum: Annotated[
        str, typer.Option(metavar="sha256:…", help="Checksum that the file must have: sha256, sha512, sha1 or md5.")
    ] = "",
    limit: Annotated[str, typer.Option(metavar="SPEED", help="Maximum bytes per second: 2MB, 500KiB.")] = "",
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Header for the URL's server alone; @FILE reads several."),
    ] = None,
    proxy: Annotated[str, typer.Option(metavar="URL", help="Proxy, one of those that the workers allow.")] = "",
    priority: Annotated[int, typer.Option(metavar="NUMBER", min=-9, max=9, help="Higher priorities start first.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Add it though the same is there already.")] = False,
    channel: Channel = "",
) -> None:
    """Queue downloads and print their ids."""
    from simulcast.cli import add

    options = add.parse_options(header or [], name, checksum, limit, proxy, urls)
    if not asyncio.run(add.add(target, urls, priority, options, channel, again=again)):
        raise typer.Exit(1)


async def list_records(target: Target, state: str, kind: str, limit: int, channel: str) -> tuple[list["Record"], int]:
    """Return the newest records, of any or that state and kind, and the number of matches.

    `channel`: "" for the default. Raises CommandError, BrokerUnavailable.
    """
    from simulcast.model.job_record import STATES, Query
    from simulcast.model.own_job import JOB_STATES, JobQuery

    records: list[Record] = []
    total = 0
    async with target.open(channel) as service:
        if kind in ("", DOWNLOAD):
            query = Query(state=next((known for known in STATES if known == state), None), limit=limit)
            downloads, total = await service.downloads(query)
            records += downloads
        if kind != DOWNLOAD and state != "paused":
            job_state = next((known for known in JOB_STATES if known == state), None)
            others, count = await service.jobs(JobQuery(job_state, kind or None, limit=limit))
            records += others
            total += count
    return sorted(records, key=lambda record: record.created_at, reverse=True)[:limit], total


@service_command(
    "simulcast list --state running",
    "simulcast list --kind render --json",
    name="list",
)
def list_(
    target: Target,
    state: Annotated[
        str,
        typer.Option(
            metavar="STATE",
            help="Only downloads in this state: queued, running, paused, complete, error, cancelled.",
        ),
    ] = "",
    kind: Annotated[
        str, typer.Option(metavar="KIND", help=f"Only jobs of this kind; {DOWNLOAD}: only downloads.")
    ] = "",
    limit: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=10000, help="Print at most so many, newest first.")
    ] = 100,
    channel: Channel = "",
) -> None:
    """Print each download and other job: id, state, progress, name."""
    from rich.console import Console

    from simulcast.cli.listing import Listing, line
    from simulcast.model.job_record import STATES

    if state and state not in STATES:
        raise CommandError(f"there is no state {state!r}; there are {', '.join(STATES)}")
    records, total = asyncio.run(list_records(target, state, kind, limit, channel))
    if target.as_json:
        members = {"records": [record.model_dump(mode="json") for record in records], "total": total}
        typer.echo(json.dumps(members))
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(Listing(records))
    else:
        for record in records:
            typer.echo(line(record))
    if total > len(records):
        typer.echo(f"{total - len(records):,} more: --limit shows them")
