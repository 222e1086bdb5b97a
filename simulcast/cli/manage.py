"""Commands about existing downloads: pause, resume, cancel, retry, limit, relink, delete, clear, list.

A command records the desired state in Redis, and the worker that owns the download carries it out.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulcast.cli.app import Data, RedisUrl, app
from simulcast.errors import CommandError
from simulcast.model.commands import Command

if TYPE_CHECKING:
    from simulcast.model.job_record import JobRecord, Query

Ids = Annotated[
    list[str], typer.Argument(metavar="ID", help="The download's id, as `simulcast add` or `list` prints it.")
]


def _run(commands: list[Command], redis_url: str, data: Path) -> None:
    from simulcast.cli import redis

    asyncio.run(request_commands(redis.redis_url(redis_url, data), commands))


async def request_commands(url: str, commands: list[Command]) -> None:
    """Record each command and print it. Raises CommandError that names the rejected ones, BrokerUnavailable."""
    from simulcast.cli.redis import jobs_at

    rejected = []
    async with jobs_at(url) as jobs:
        for command in commands:
            if reason := await jobs.command(command):
                rejected.append(command.describe(reason))
            elif command.download_id:
                typer.echo(f"{command.download_id}  {command.action} is recorded")
    if rejected:
        raise CommandError("; ".join(rejected))


async def list_downloads(url: str, query: "Query") -> tuple[list["JobRecord"], int]:
    """Return one page of records and the number of matches. Raises CommandError, BrokerUnavailable."""
    from simulcast.cli.redis import jobs_at

    async with jobs_at(url) as jobs:
        return await jobs.list(query)


@app.command()
def pause(ids: Ids, redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Pause downloads; received bytes are kept."""
    _run([Command("pause", download_id) for download_id in ids], redis_url, data)


@app.command()
def resume(ids: Ids, redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Continue paused downloads."""
    _run([Command("resume", download_id) for download_id in ids], redis_url, data)


@app.command()
def cancel(ids: Ids, redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Cancel downloads; received bytes are removed."""
    _run([Command("cancel", download_id) for download_id in ids], redis_url, data)


@app.command()
def retry(ids: Ids, redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Start failed or cancelled downloads again."""
    _run([Command("retry", download_id) for download_id in ids], redis_url, data)


@app.command()
def limit(
    speed: Annotated[str, typer.Argument(metavar="SPEED", help="Bytes per second: 2MB, 500KiB, or 0 for no limit.")],
    ids: Ids,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Change the speed limit of downloads, also while they run."""
    from simulcast.cli.add import parse_speed

    bytes_per_s = parse_speed(speed)
    _run([Command("limit", download_id, bytes_per_s=bytes_per_s) for download_id in ids], redis_url, data)


@app.command()
def relink(
    download_id: Annotated[str, typer.Argument(metavar="ID", help="The download's id.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Its fresh link.")],
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Give a download whose link has expired a fresh one; it goes on from where it is."""
    from simulcast.cli.add import check_url
    from simulcast.settings.shared import SharedSettings

    check_url(url, SharedSettings.from_environment().download_schemes)
    _run([Command("relink", download_id, url=url)], redis_url, data)


@app.command()
def delete(
    ids: Ids,
    file: Annotated[bool, typer.Option("--file", help="Remove the downloaded file too.")] = False,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Delete the records of downloads that are not running."""
    _run([Command("delete", download_id, with_file=file) for download_id in ids], redis_url, data)


@app.command()
def clear(redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Delete the records of all downloads that have ended; their files stay."""
    _run([Command("clear")], redis_url, data)


@app.command("list")
def list_(
    state: Annotated[
        str, typer.Option(help="Only downloads in this state: queued, running, paused, complete, error, cancelled.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10000, help="Print at most so many, newest first.")] = 100,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Print one line for each download: its id, state, progress and name."""
    from simulcast.cli import redis
    from simulcast.cli.watch.download_table import clean
    from simulcast.model.job_record import STATES, Query

    if state and state not in STATES:
        raise CommandError(f"there is no state {state!r}; there are {', '.join(STATES)}")
    query = Query(state=next((known for known in STATES if known == state), None), limit=limit)
    records, total = asyncio.run(list_downloads(redis.redis_url(redis_url, data), query))
    for record in records:
        detail, phase = record.error_message or record.file_path or "", record.phase or record.state
        line = f"{record.download_id}  {phase:<9} {record.progress:>4.0%}  {clean(record.name)}  {clean(detail)}"
        typer.echo(line.rstrip())
    if total > len(records):
        typer.echo(f"{total - len(records):,} more: --limit shows them")
