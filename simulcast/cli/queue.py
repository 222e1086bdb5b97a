"""The commands that add downloads and list downloads and other jobs."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from simulcast.cli.commands import Channel, Target, service_command
from simulcast.errors import CommandError

if TYPE_CHECKING:
    from simulcast.cli.listing import Record
    from simulcast.cli.service.protocol import Listed

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
    folder: Annotated[
        str, typer.Option(metavar="PATH", help="Folder of the files, below the download folder: films/2026.")
    ] = "",
    checksum: Annotated[
        str, typer.Option(metavar="sha256:…", help="Checksum that the file must have: sha256, sha512, sha1 or md5.")
    ] = "",
    limit: Annotated[str, typer.Option(metavar="SPEED", help="Maximum bytes per second: 2MB, 500KiB.")] = "",
    start_at: Annotated[
        str, typer.Option(metavar="TIME", help="Time before which it does not start: 2026-12-24T18:00, here or with Z.")
    ] = "",
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Header for the URL's server alone; @FILE reads several."),
    ] = None,
    proxy: Annotated[str, typer.Option(metavar="URL", help="Proxy, one of those that the workers allow.")] = "",
    callback_url: Annotated[str, typer.Option(metavar="URL", help="Address that is told of the end.")] = "",
    priority: Annotated[int, typer.Option(metavar="NUMBER", min=-9, max=9, help="Higher priorities start first.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Add it though the same is there already.")] = False,
    channel: Channel = "",
) -> None:
    """Queue downloads and print their ids."""
    from simulcast.cli import add

    texts = {"name": name, "folder": folder, "checksum": checksum, "proxy": proxy, "callback_url": callback_url}
    options = add.parse_options(header or [], texts, limit, start_at, urls)
    if not asyncio.run(add.add(target, urls, priority, options, channel, again=again)):
        raise typer.Exit(1)


async def list_records(
    target: Target, state: str, kind: str, limit: int, channel: str, owner: str = "", search: str = ""
) -> "Listed[Record]":
    """Return the newest records: of any or that state, kind and owner, of any or that text in their name or host.

    `channel`: "" for the default. Only downloads are searched. Raises CommandError, BrokerUnavailable.
    """
    from simulcast.cli.service.protocol import Listed
    from simulcast.model.job_record import STATES, Query
    from simulcast.model.own_job import JOB_STATES, JobQuery

    records: list[Record] = []
    total, is_complete = 0, True
    async with target.open(channel) as service:
        if kind in ("", DOWNLOAD):
            known_state = next((known for known in STATES if known == state), None)
            query = Query(state=known_state, limit=limit, owner=owner, search=search)
            downloads, total, is_complete = await service.downloads(query)
            records += downloads
        if kind != DOWNLOAD and state != "paused" and not search:
            job_state = next((known for known in JOB_STATES if known == state), None)
            others, count, is_all = await service.jobs(JobQuery(job_state, kind or None, limit=limit, owner=owner))
            records += others
            total += count
            is_complete &= is_all
    newest = sorted(records, key=lambda record: record.created_at, reverse=True)
    return Listed(newest[:limit], total, is_complete)


@service_command(
    "simulcast list --state running",
    "simulcast list --search debian",
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
    owner: Annotated[str, typer.Option(metavar="USER", help="Only what this user added.")] = "",
    search: Annotated[
        str, typer.Option(metavar="TEXT", help="Only downloads with this text in their name or host.")
    ] = "",
    channel: Channel = "",
) -> None:
    """Print each download and other job: id, state, progress, name."""
    from rich.console import Console

    from simulcast.cli.listing import Listing, line
    from simulcast.model.job_record import STATES

    if state and state not in STATES:
        raise CommandError(f"there is no state {state!r}; there are {', '.join(STATES)}")
    listed = asyncio.run(list_records(target, state, kind, limit, channel, owner, search))
    records, total = listed.records, listed.total
    if target.as_json:
        members = {"records": [record.model_dump(mode="json") for record in records], "total": total}
        typer.echo(json.dumps({**members, "is_complete": listed.is_complete}))
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(Listing(records))
    else:
        for record in records:
            typer.echo(line(record))
    if total > len(records):
        typer.echo(f"{total - len(records):,} more: --limit shows them")
    if not listed.is_complete:
        typer.echo("only the newest ones were looked at")
