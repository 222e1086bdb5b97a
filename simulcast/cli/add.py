"""`simulcast add`: checks URLs and flags, and queues downloads for the workers."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import get_args

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

from simulcast.cli.commands import Target
from simulcast.cli.errors import ServiceUnavailable, TokenRefused, error_json, exit_code
from simulcast.cli.lines import read_lines, standard_input
from simulcast.cli.watch.job_table import clean
from simulcast.errors import BrokerUnavailable, CommandError, SimulcastError
from simulcast.model.commands import MAX_BYTES_PER_S
from simulcast.model.download_options import DownloadOptions
from simulcast.model.download_url import Scheme, validate_url
from simulcast.model.job_record import SubmittedRecord
from simulcast.settings.shared import SharedSettings
from simulcast.store.url import redacted_url


def check_url(url: str, target: Target) -> None:
    """Raise CommandError for a URL that can't be downloaded. A service elsewhere decides about its kind."""
    schemes = get_args(Scheme) if target.url else SharedSettings.from_environment().download_schemes
    try:
        validate_url(url, schemes)
    except ValueError as error:
        raise CommandError(f"{redacted_url(url)[:80]!r} can't be downloaded: it {error}") from error


def parse_options(
    headers: Sequence[str], texts: Mapping[str, str], limit: str, start_at: str, urls: Sequence[str]
) -> DownloadOptions:
    """Turn flags, "" for one that isn't given, into options. Raises CommandError, which shows no secret.

    `texts`: by their options. `start_at`: in this machine's time zone unless it names one.
    """
    name = texts.get("name")
    if name and "-" in urls:
        raise CommandError(f"--name {name}: it is the name of one file, and standard input may name several")
    if name and len(urls) > 1:
        raise CommandError(f"--name {name}: it is the name of one file, and {len(urls)} URLs are given")
    members: dict[str, object] = {"headers": dict(_parse_header(line) for line in _read_lines(headers))}
    members |= {key: value for key, value in texts.items() if value}
    if limit:
        members["limit_bytes_per_s"] = parse_speed(limit) or None
    if start_at:
        members["start_at"] = parse_time(start_at)
    try:
        return DownloadOptions.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        member = str(first["loc"][0]) if first["loc"] else "headers"
        flag = {"limit_bytes_per_s": "limit", "headers": "header"}.get(member, member).replace("_", "-")
        raise CommandError(f"--{flag}: {first['msg'].removeprefix('Value error, ')}") from None


def parse_time(text: str) -> datetime | float:
    """Return the time of `2026-12-24T18:00`, in this machine's time zone unless it names one, or of seconds since 1970.

    Raises CommandError.
    """
    try:
        return float(text) if text.isdecimal() else datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise CommandError(f"{text!r} is no time: it looks like 2026-12-24T18:00") from None


def parse_speed(text: str) -> int:
    """Return the bytes per second of `2MB`, `500KiB` or `0`. Raises CommandError."""
    try:
        speed = TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        raise CommandError(f"{text!r} is no speed: it looks like 2MB, 500KiB or 0 for no limit") from None
    if not 0 <= speed <= MAX_BYTES_PER_S:
        raise CommandError(f"{text!r} is no speed: a limit is 0 (none) to {MAX_BYTES_PER_S:,} bytes per second")
    return speed


def _read_lines(headers: Sequence[str]) -> Iterator[str]:
    """Yield each header, and of `@file` the file's lines: the list of processes must not show secrets."""
    for header in headers:
        if not header.startswith("@"):
            yield header
            continue
        try:
            yield from Path(header[1:]).read_text(encoding="latin-1").splitlines()
        except OSError as error:
            raise CommandError(f"--header {header}: can't read the file: {error.strerror}") from error


def _parse_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise CommandError("--header looks like 'Name: value', or @file with one such line for each header")
    return name.strip(), value.strip()


async def add(
    target: Target, urls: Sequence[str], priority: int, options: DownloadOptions, channel: str, *, again: bool
) -> bool:
    """Queue one download after the other, and print each. Return whether all of them were accepted.

    `urls`: - for the lines of standard input. Raises CommandError before the first is queued for one of the others that
    can't be downloaded, and where the service does not answer, or wants another token; BrokerUnavailable.
    """
    for url in urls:
        if url != "-":
            check_url(url, target)
    refused = 0
    async with target.open(channel) as service:
        async for number, url in _numbered(urls):
            try:
                check_url(url, target)
                _print_record(target, await service.add(url, priority, options, again=again))
            except (ServiceUnavailable, TokenRefused, BrokerUnavailable) as error:
                if not number:
                    raise
                raise type(error)(f"line {number} and those after it were not added: {error}") from error
            except SimulcastError as error:
                refused += 1
                _print_error(target, error, number)
    return not refused


async def _numbered(urls: Sequence[str]) -> AsyncIterator[tuple[int, str]]:
    """Yield each URL and the number of its line in standard input, 0 for an argument."""
    for url in urls:
        if url != "-":
            yield 0, url
            continue
        async for number, line in read_lines(standard_input().fileno()):
            text = line.decode(errors="surrogateescape").removeprefix("\ufeff").strip()
            if text and not text.startswith("#"):
                yield number, text


def _print_record(target: Target, record: SubmittedRecord) -> None:
    if target.as_json:
        typer.echo(record.model_dump_json())
        return
    note = f"  was added before and is {record.state}; --again adds it again" if record.existing else ""
    typer.echo(f"{record.download_id}  {clean(record.name)}{note}")


def _print_error(target: Target, error: SimulcastError, number: int) -> None:
    line = {"line": number} if number else {}
    text = f"simulcast: {f'line {number}: ' if number else ''}{error}"
    typer.echo(error_json(exit_code(error), str(error), **line) if target.as_json else text, err=True)
