"""Commands about existing downloads and other jobs: pause, resume, cancel, retry, limit, relink, move, schedule,
rename, delete, clear.

A command records the desired state in Redis, and the worker or process that owns the job carries it out.
"""

import asyncio
import json
from typing import Annotated

import typer

from simulcast.cli.commands import Channel, Target, service_command
from simulcast.cli.service.protocol import Service
from simulcast.errors import CommandError
from simulcast.model.commands import Action, Command, JobAction, JobCommand
from simulcast.model.file_place import parse_file_name
from simulcast.model.queue_place import MAX_PRIORITY, QueuePlace
from simulcast.model.start_time import parse_start

Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Its id, as `simulcast add` or `list` prints it.")]
_JOB_ACTIONS: dict[Action, JobAction] = {"cancel": "cancel_job", "delete": "remove_job"}


def _run(target: Target, commands: list[Command], channel: str) -> None:
    asyncio.run(request_commands(target, commands, channel))


async def request_commands(target: Target, commands: list[Command], channel: str) -> None:
    """Record each command and print it. `channel`: "" for the default.

    Raises CommandError that names the rejected ones, BrokerUnavailable.
    """
    rejected = []
    async with target.open(channel) as service:
        for command in commands:
            if message := await _request(service, command, channel):
                rejected.append(message)
            elif target.as_json:
                members = {"id": command.download_id} if command.download_id else {}
                typer.echo(json.dumps({"action": command.action, **members, "status": "accepted"}))
            elif command.download_id:
                typer.echo(f"{command.download_id}  {command.action} is recorded")
    if rejected:
        raise CommandError("; ".join(rejected))


async def _request(service: Service, command: Command, channel: str) -> str:
    """Record a command. Return "", or the refusal. Raises CommandError, BrokerUnavailable."""
    if command.action != "clear" and not command.download_id:
        return "an id is empty: give it as `simulcast list` prints it"
    refusal = await service.command(command)
    if refusal is None or not refusal.is_unknown:
        return refusal.message if refusal else ""
    job_id = command.download_id
    if job_action := _JOB_ACTIONS.get(command.action):
        refusal = await service.command_job(JobCommand(job_action, job_id))
        if refusal is None or not refusal.is_unknown:
            return refusal.message if refusal else ""
    elif await service.has_job(job_id):
        return f"can't {command.action} job {job_id}: a job is cancelled or deleted"
    return f"there is no download or job {job_id}" + (f" in channel {channel}" if channel else "")


@service_command("simulcast pause 3f0c9a1be27d4c55")
def pause(target: Target, ids: Ids, channel: Channel = "") -> None:
    """Pause downloads; received bytes are kept."""
    _run(target, [Command("pause", download_id) for download_id in ids], channel)


@service_command("simulcast resume 3f0c9a1be27d4c55")
def resume(target: Target, ids: Ids, channel: Channel = "") -> None:
    """Continue paused downloads."""
    _run(target, [Command("resume", download_id) for download_id in ids], channel)


@service_command("simulcast cancel 3f0c9a1be27d4c55")
def cancel(target: Target, ids: Ids, channel: Channel = "") -> None:
    """Cancel downloads and other jobs. Received bytes are removed."""
    _run(target, [Command("cancel", download_id) for download_id in ids], channel)


@service_command("simulcast retry 3f0c9a1be27d4c55")
def retry(target: Target, ids: Ids, channel: Channel = "") -> None:
    """Start failed or cancelled downloads again."""
    _run(target, [Command("retry", download_id) for download_id in ids], channel)


@service_command("simulcast limit 500KiB 3f0c9a1be27d4c55")
def limit(
    target: Target,
    speed: Annotated[str, typer.Argument(metavar="SPEED", help="Bytes per second: 2MB, 500KiB, or 0 for no limit.")],
    ids: Ids,
    channel: Channel = "",
) -> None:
    """Change the speed limit of downloads, also while they run."""
    from simulcast.cli.add import parse_speed

    bytes_per_s = parse_speed(speed)
    _run(target, [Command("limit", download_id, bytes_per_s=bytes_per_s) for download_id in ids], channel)


@service_command("simulcast relink 3f0c9a1be27d4c55 'https://example.com/a.iso?signature=2'")
def relink(
    target: Target,
    download_id: Annotated[str, typer.Argument(metavar="ID", help="The download's id.")],
    link: Annotated[str, typer.Argument(metavar="URL", help="Its fresh link.")],
    channel: Channel = "",
) -> None:
    """Give a download a fresh link. It goes on from where it is."""
    from simulcast.cli.add import check_url

    check_url(link, target)
    _run(target, [Command("relink", download_id, url=link)], channel)


@service_command("simulcast move 3f0c9a1be27d4c55 --before 5b1d2c3e4f5a6b7c")
def move(
    target: Target,
    ids: Ids,
    first: Annotated[bool, typer.Option("--first", help="Before all that wait.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Behind all that wait.")] = False,
    before: Annotated[str, typer.Option(metavar="ID", help="Before this one, with its priority.")] = "",
    after: Annotated[str, typer.Option(metavar="ID", help="Behind this one, with its priority.")] = "",
    priority: Annotated[
        int | None, typer.Option(metavar="N", min=-MAX_PRIORITY, max=MAX_PRIORITY, help="Higher ones go first.")
    ] = None,
    channel: Channel = "",
) -> None:
    """Move waiting downloads to another place in the queue. Several keep their order."""
    places: list[object] = [*["first"] * first, *["last"] * last]
    places += [{side: neighbour} for side, neighbour in (("before", before), ("after", after)) if neighbour]
    if len(places) + (priority is not None) != 1:
        raise CommandError("give one of --first, --last, --before, --after and --priority")
    if priority is not None:
        _run(target, [Command("prioritize", download_id, priority=priority) for download_id in ids], channel)
        return
    places += [{"after": download_id} for download_id in ids[:-1]]
    try:
        moves = [
            Command("move", one, place=QueuePlace.parse(place, one)) for one, place in zip(ids, places, strict=True)
        ]
    except ValueError as error:
        raise CommandError(str(error)) from error
    _run(target, moves, channel)


@service_command("simulcast schedule 2026-12-24T18:00 3f0c9a1be27d4c55")
def schedule(
    target: Target,
    start_at: Annotated[
        str, typer.Argument(metavar="TIME", help="2026-12-24T18:00, of this machine's time zone, or `now`.")
    ],
    ids: Ids,
    channel: Channel = "",
) -> None:
    """Change when downloads that wait or are paused may start."""
    from simulcast.cli.add import parse_time

    try:
        seconds = 0.0 if start_at == "now" else parse_start(parse_time(start_at))
    except ValueError as error:
        raise CommandError(f"{start_at!r} {error}") from error
    _run(target, [Command("schedule", download_id, start_at=seconds) for download_id in ids], channel)


@service_command("simulcast rename 3f0c9a1be27d4c55 holiday.mp4")
def rename(
    target: Target,
    download_id: Annotated[str, typer.Argument(metavar="ID", help="The download's id.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that its file will get.")],
    channel: Channel = "",
) -> None:
    """Rename the file of a download that waits or is paused."""
    try:
        parsed = parse_file_name(name)
    except ValueError as error:
        raise CommandError(f"{name[:80]!r}: {error}") from error
    _run(target, [Command("rename", download_id, name=parsed)], channel)


@service_command("simulcast delete 3f0c9a1be27d4c55 --file")
def delete(
    target: Target,
    ids: Ids,
    file: Annotated[bool, typer.Option("--file", help="Remove the downloaded file too.")] = False,
    channel: Channel = "",
) -> None:
    """Remove downloads and other jobs that do not run from the list."""
    _run(target, [Command("delete", download_id, with_file=file) for download_id in ids], channel)


@service_command("simulcast clear")
def clear(target: Target, channel: Channel = "") -> None:
    """Remove all that have ended from the list. Files stay."""
    _run(target, [Command("clear")], channel)
