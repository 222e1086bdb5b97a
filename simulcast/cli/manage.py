"""Commands about existing downloads and other jobs: pause, resume, cancel, retry, limit, relink, delete, clear, list.

A command records the desired state in Redis, and the worker or process that owns the job carries it out.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulcast.cli.app import Data, RedisUrl, app
from simulcast.errors import CommandError
from simulcast.model.commands import Action, Command, JobAction, JobCommand

if TYPE_CHECKING:
    from simulcast.model.job_record import JobRecord
    from simulcast.model.own_job import OwnJobRecord
    from simulcast.own_jobs import OwnJobs

Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Its id, as `simulcast add` or `list` prints it.")]
DOWNLOAD = "download"  # the kind of downloads, for `simulcast list`
_JOB_ACTIONS: dict[Action, JobAction] = {"cancel": "cancel_job", "delete": "remove_job"}


def _run(commands: list[Command], redis_url: str, data: Path) -> None:
    from simulcast.cli import redis

    asyncio.run(request_commands(redis.redis_url(redis_url, data), commands))


async def request_commands(url: str, commands: list[Command]) -> None:
    """Record each command and print it. Raises CommandError that names the rejected ones, BrokerUnavailable."""
    from simulcast.cli.redis import all_jobs_at

    rejected = []
    async with all_jobs_at(url) as (jobs, own_jobs):
        for command in commands:
            reason = await jobs.command(command)
            refusal = command.describe(reason) if reason else ""
            if reason == "unknown_download":
                refusal = await _request_of_job(own_jobs, command)
            if refusal:
                rejected.append(refusal)
            elif command.download_id:
                typer.echo(f"{command.download_id}  {command.action} is recorded")
    if rejected:
        raise CommandError("; ".join(rejected))


async def _request_of_job(own_jobs: "OwnJobs", command: Command) -> str:
    """Record a command of a job that is no download. Return "", or the refusal. Raises BrokerUnavailable."""
    job_id, action = command.download_id, _JOB_ACTIONS.get(command.action)
    if action is not None:
        job_command = JobCommand(action, job_id)
        reason = await own_jobs.command(job_command)
        if reason != "unknown_job":
            return job_command.describe(reason) if reason else ""
    else:
        with suppress(KeyError):
            await own_jobs.get(job_id)
            return f"can't {command.action} job {job_id}: a job is cancelled or deleted"
    return f"there is no download or job {job_id}"


async def list_records(url: str, state: str, kind: str, limit: int) -> tuple[list["JobRecord | OwnJobRecord"], int]:
    """Return the newest records, of any or that state and kind, and the number of matches.

    Raises CommandError, BrokerUnavailable.
    """
    from simulcast.cli.redis import all_jobs_at
    from simulcast.model.job_record import STATES, Query
    from simulcast.model.own_job import JOB_STATES, JobQuery

    records: list[JobRecord | OwnJobRecord] = []
    total = 0
    async with all_jobs_at(url) as (jobs, own_jobs):
        if kind in ("", DOWNLOAD):
            query = Query(state=next((known for known in STATES if known == state), None), limit=limit)
            downloads, total = await jobs.list(query)
            records += downloads
        if kind != DOWNLOAD and state != "paused":
            job_state = next((known for known in JOB_STATES if known == state), None)
            others, count = await own_jobs.list(JobQuery(job_state, kind or None, limit=limit))
            records += others
            total += count
    return sorted(records, key=lambda record: record.created_at, reverse=True)[:limit], total


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
    """Cancel downloads, whose received bytes are removed, and other jobs."""
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
    """Delete downloads and other jobs that are not running from the list."""
    _run([Command("delete", download_id, with_file=file) for download_id in ids], redis_url, data)


@app.command()
def clear(redis_url: RedisUrl = "", data: Data = Path("data")) -> None:
    """Delete all downloads and other jobs that have ended from the list; files stay."""
    _run([Command("clear")], redis_url, data)


@app.command("list")
def list_(
    state: Annotated[
        str, typer.Option(help="Only downloads in this state: queued, running, paused, complete, error, cancelled.")
    ] = "",
    kind: Annotated[str, typer.Option(help=f"Only jobs of this kind; {DOWNLOAD}: only downloads.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10000, help="Print at most so many, newest first.")] = 100,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Print one line for each download and each other job: its id, state, progress and name."""
    from simulcast.cli import redis
    from simulcast.model.job_record import STATES

    if state and state not in STATES:
        raise CommandError(f"there is no state {state!r}; there are {', '.join(STATES)}")
    records, total = asyncio.run(list_records(redis.redis_url(redis_url, data), state, kind, limit))
    for record in records:
        typer.echo(_describe(record))
    if total > len(records):
        typer.echo(f"{total - len(records):,} more: --limit shows them")


def _describe(record: "JobRecord | OwnJobRecord") -> str:
    from simulcast.cli.watch.job_table import clean, describe_result
    from simulcast.model.job_record import JobRecord

    if isinstance(record, JobRecord):
        job_id, state = record.download_id, record.phase or record.state
        details = [record.error_message or record.file_path or ""]
    else:
        job_id, state = record.job_id, "cancelling" if record.cancel_requested else record.state
        result = describe_result(record.result) if record.result is not None else ""
        details = [record.kind, record.error_message or result or record.message or ""]
    parts = (f"{job_id}  {state:<9} {record.progress:>4.0%}", clean(record.name), *map(clean, details))
    return "  ".join(filter(None, parts))
