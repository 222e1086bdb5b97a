"""The commands about downloads that there are already: pause, resume, cancel, retry, limit, delete, clear, list."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from simulcast.cli.app import Data, RedisUrl, app
from simulcast.model.commands import Action

Ids = Annotated[
    list[str], typer.Argument(metavar="ID", help="The download's id, as `simulcast add` or `list` prints it.")
]


def _wish(
    action: Action, ids: list[str], redis_url: str, data: Path, with_file: bool = False, bytes_per_s: int = 0
) -> None:
    from simulcast.cli import manage, redis

    asyncio.run(
        manage.request_command(redis.redis_url(redis_url, data), action, ids, typer.echo, with_file, bytes_per_s)
    )


@app.command()
def pause(ids: Ids, redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Pause downloads; what is there already stays."""
    _wish("pause", ids, redis_url, data)


@app.command()
def resume(ids: Ids, redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Go on with paused downloads."""
    _wish("resume", ids, redis_url, data)


@app.command()
def cancel(ids: Ids, redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Cancel downloads; what is there of them is removed."""
    _wish("cancel", ids, redis_url, data)


@app.command()
def retry(ids: Ids, redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Try again what failed or was cancelled."""
    _wish("retry", ids, redis_url, data)


@app.command()
def limit(
    speed: Annotated[str, typer.Argument(metavar="SPEED", help="Bytes a second: 2MB, 500KiB, or 0 for no limit.")],
    ids: Ids,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Change how fast downloads may be, also while they run."""
    from simulcast.cli.add import checked_speed

    _wish("limit", ids, redis_url, data, bytes_per_s=checked_speed(speed))


@app.command()
def delete(
    ids: Ids,
    file: Annotated[bool, typer.Option("--file", help="Remove the downloaded file too.")] = False,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Forget downloads that don't run."""
    _wish("delete", ids, redis_url, data, with_file=file)


@app.command()
def clear(redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Forget all downloads that have ended; their files stay."""
    from simulcast.cli import manage, redis

    asyncio.run(manage.clear(redis.redis_url(redis_url, data)))


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="Only those: queued, running, paused, complete, error, cancelled.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10000, help="How many at most, newest first.")] = 100,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Print downloads as they stand, one a line."""
    from simulcast.cli import manage, redis
    from simulcast.cli.watch.download_table import clean
    from simulcast.errors import CommandError
    from simulcast.model.job_record import STATES, Query

    if state and state not in STATES:
        raise CommandError(f"there is no state {state!r}; there are {', '.join(STATES)}")
    query = Query(state=next((each for each in STATES if each == state), None), limit=limit)
    records, total = asyncio.run(manage.list_downloads(redis.redis_url(redis_url, data), query))
    for record in records:
        detail = record.error_message or record.file_path or ""
        line = f"{record.download_id}  {record.state:<9} {record.progress:>4.0%}  {clean(record.name)}  {clean(detail)}"
        typer.echo(line.rstrip())
    if total > len(records):
        typer.echo(f"{total - len(records):,} more: --limit shows them")
