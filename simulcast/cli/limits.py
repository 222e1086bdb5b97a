"""`simulcast limits`: shows and sets the limits of all workers together, and their timetable."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from simulcast.cli.commands import Target, service_command
from simulcast.errors import CommandError

if TYPE_CHECKING:
    from simulcast.model.limits import Allowed, Limits

_NONE = "none"
_PERIOD = re.compile(r"(?P<days>[a-z,-]+) +(?P<start>[0-9:]+)-(?P<end>[0-9:]+)(?P<members>( +(speed|downloads)=\S+)*)")


@service_command(
    "simulcast limits",
    "simulcast limits --speed 5MB --downloads 6",
    "simulcast limits --period 'mon-fri 08:00-18:00 speed=1MB downloads=2'",
    "simulcast limits --clear",
)
def limits(
    target: Target,
    speed: Annotated[
        str, typer.Option(metavar="SPEED", help="Bytes per second of all workers together: 2MB, 500KiB, or none.")
    ] = "",
    downloads: Annotated[
        str, typer.Option(metavar="NUMBER", help="How many downloads run simultaneously on all workers, or none.")
    ] = "",
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="The clocks of the timetable, such as Europe/Berlin.")
    ] = "",
    period: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PERIOD",
            help="Other limits in a part of some days, in place of the timetable: 'sat,sun 22:00-06:00 speed=5MB'; "
            "may be repeated, and the first one that fits holds.",
        ),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Begin without any limits and periods.")] = False,
) -> None:
    """Show or change the limits of all workers together."""
    changes: dict[str, object] = {}
    if speed:
        changes["max_speed"] = _speed(speed)
    if downloads:
        changes["max_downloads"] = _number(downloads)
    if time_zone:
        changes["timezone"] = time_zone
    if period:
        changes["timetable"] = [parse_period(text) for text in period]
    asyncio.run(_change(target, changes, clear=clear))


async def _change(target: Target, changes: Mapping[str, object], *, clear: bool) -> None:
    from pydantic import ValidationError

    from simulcast.model.limits import NO_LIMITS, Limits, LimitsNow
    from simulcast.model.requests import first_error

    async with target.open() as service:
        present = NO_LIMITS if clear else await service.limits()
        try:
            wanted = Limits.model_validate(present.model_dump() | dict(changes))
        except ValidationError as error:
            raise CommandError(first_error(error.errors(include_url=False, include_context=False))) from None
        if changes or clear:
            await service.set_limits(wanted)
    now = LimitsNow.of(wanted, time.time())
    typer.echo(now.model_dump_json() if target.as_json else "\n".join(_lines(wanted, now.now)))


def parse_period(text: str) -> dict[str, object]:
    """Return the members of a period. Raises CommandError."""
    from simulcast.model.limits import DAYS

    match = _PERIOD.fullmatch(text.strip().lower())
    if match is None:
        raise CommandError(f"--period {text[:100]!r}: it looks like 'mon-fri 08:00-18:00 speed=1MB downloads=2'")
    days: list[str] = []
    for part in match["days"].split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise CommandError(f"--period {text[:100]!r}: days are {', '.join(DAYS)}, and ranges such as mon-fri")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days += [DAYS[number % 7] for number in range(begin, end + 1 if end >= begin else end + 8)]
    members: dict[str, object] = {"days": list(dict.fromkeys(days)), "start": match["start"], "end": match["end"]}
    for member in match["members"].split():
        name, _, value = member.partition("=")
        members[f"max_{name}"] = _speed(value) if name == "speed" else _number(value)
    return members


def _speed(text: str) -> int | None:
    from simulcast.cli.add import parse_speed

    return None if text == _NONE else parse_speed(text) or None


def _number(text: str) -> int | None:
    if text == _NONE:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise CommandError(f"{text[:100]!r} is no number of downloads: it looks like 3, or {_NONE} for no limit")
    return int(text)


def _lines(limits: "Limits", now: "Allowed") -> Sequence[str]:
    lines = [f"now  {_describe(now)}", f"else {_describe(limits)}"] if limits.timetable else [_describe(limits)]
    lines += [
        f"{','.join(period.days)} {period.start}-{period.end} {limits.timezone}  {_describe(period)}"
        for period in limits.timetable
    ]
    return lines


def _describe(allowed: "Allowed") -> str:
    from simulcast.cli.watch.job_table import size

    speed = "any speed" if allowed.max_speed is None else f"{size(allowed.max_speed)}/s"
    count = "any number of downloads" if allowed.max_downloads is None else f"{allowed.max_downloads} downloads"
    return f"{speed}, {count}"
