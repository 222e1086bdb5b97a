"""`simulcast add`: checks URLs and flags, and queues downloads for the workers."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from pydantic import ByteSize, TypeAdapter, ValidationError

from simulcast.cli.redis import jobs_at
from simulcast.errors import CommandError
from simulcast.model.commands import MAX_BYTES_PER_S
from simulcast.model.download_options import DownloadOptions
from simulcast.model.download_url import validate_url
from simulcast.model.job_record import SubmittedRecord
from simulcast.settings.shared import SharedSettings
from simulcast.store.url import redacted_url
from simulcast.submissions import submit


def check_url(url: str, schemes: Collection[str]) -> None:
    """Raise CommandError for a URL that can't be downloaded."""
    try:
        validate_url(url, schemes)
    except ValueError as error:
        raise CommandError(f"{redacted_url(url)[:80]!r} can't be downloaded: it {error}") from error


def parse_options(
    headers: Sequence[str], name: str, checksum: str, limit: str, proxy: str, urls: Sequence[str]
) -> DownloadOptions:
    """Turn flags, "" for one that isn't given, into options. Raises CommandError, which shows no secret."""
    if name and len(urls) > 1:
        raise CommandError(f"--name {name}: it is the name of one file, and {len(urls)} URLs are given")
    members: dict[str, object] = {"headers": dict(_parse_header(line) for line in _read_lines(headers))}
    members |= {key: value for key, value in (("name", name), ("checksum", checksum), ("proxy", proxy)) if value}
    if limit:
        members["limit_bytes_per_s"] = parse_speed(limit) or None
    try:
        return DownloadOptions.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        member = str(first["loc"][0]) if first["loc"] else "headers"
        flag = {"limit_bytes_per_s": "limit", "headers": "header"}.get(member, member)
        raise CommandError(f"--{flag}: {first['msg'].removeprefix('Value error, ')}") from None


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
    redis_url: str,
    urls: Sequence[str],
    priority: int,
    options: DownloadOptions,
    on_queued: Callable[[SubmittedRecord], None],
    *,
    again: bool,
) -> None:
    """Queue one download after the other. Raises CommandError before the first is queued, BrokerUnavailable."""
    schemes = SharedSettings.from_environment().download_schemes
    for url in urls:
        check_url(url, schemes)
    async with jobs_at(redis_url) as jobs:
        for url in urls:
            on_queued(await submit(jobs, url, priority, options, again=again))
