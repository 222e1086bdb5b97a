"""Commands about downloads, from the command line: recorded in Redis, obeyed by whoever owns the download."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from simulcast.cli.redis import broker_at
from simulcast.errors import CommandError
from simulcast.jobs import Jobs
from simulcast.model.commands import Action, Command
from simulcast.model.job_record import JobRecord, Query


@asynccontextmanager
async def _jobs_at(url: str) -> AsyncIterator[Jobs]:
    async with broker_at(url) as broker:
        jobs = Jobs.connect(url, broker)
        try:
            yield jobs
        finally:
            await jobs.aclose()


async def request_command(
    url: str,
    action: Action,
    ids: Sequence[str],
    say: Callable[[str], None],
    with_file: bool = False,
    bytes_per_s: int = 0,
) -> None:
    """Records the wish for each and says so. Raises CommandError for refusals, BrokerUnavailable."""
    refused = []
    async with _jobs_at(url) as jobs:
        for download_id in ids:
            command = Command(action, download_id, with_file=with_file, bytes_per_s=bytes_per_s)
            reason = await jobs.command(command)
            if reason is None:
                say(f"{download_id}  {action} is recorded")
            else:
                refused.append(command.describe(reason))
    if refused:
        raise CommandError("; ".join(refused))


async def clear(url: str) -> None:
    """Forgets what has ended. Raises BrokerUnavailable."""
    async with _jobs_at(url) as jobs:
        await jobs.command(Command("clear"))


async def list_downloads(url: str, query: Query) -> tuple[list[JobRecord], int]:
    """One page of records, and how many match. Raises BrokerUnavailable."""
    async with _jobs_at(url) as jobs:
        return await jobs.list(query)
