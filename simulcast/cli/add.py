"""`simulcast add`: downloads for the workers, and what is said of them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ByteSize, TypeAdapter, ValidationError

from simulcast.cli.redis import broker_at
from simulcast.errors import CommandError
from simulcast.jobs import Jobs
from simulcast.model.commands import MAX_BYTES_PER_S
from simulcast.model.download_options import MAX_URL_CHARS, DownloadOptions
from simulcast.model.job_record import JobRecord
from simulcast.store.url import redacted_url


def checked_url(url: str) -> str:
    """The address of something to download. Raises CommandError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise CommandError(f"{redacted_url(url)!r} is no web address: {error}") from error
    if parts.scheme not in ("http", "https"):
        what = f"{parts.scheme}:// is not supported" if parts.scheme else "it has no scheme"
        raise CommandError(f"{redacted_url(url)!r} can't be downloaded: {what}; it must begin with http:// or https://")
    if not host:
        raise CommandError(f"{redacted_url(url)!r} names no host: it looks like https://example.com/file.iso")
    if " " in url or not url.isprintable():
        raise CommandError(
            f"{redacted_url(url)!r} has spaces or unprintable characters: percent-encode them (a space is %20)"
        )
    if len(url) > MAX_URL_CHARS:
        raise CommandError(
            f"{redacted_url(url)[:80]}… has {len(url):,} characters, and an address may have {MAX_URL_CHARS:,}"
        )
    return url


def checked_options(
    headers: Sequence[str], name: str, checksum: str, limit: str, proxy: str, addresses: Sequence[str]
) -> DownloadOptions:
    """What the flags say; "" where one isn't given. Raises CommandError, which shows no secret."""
    if name and len(addresses) > 1:
        raise CommandError(f"--name {name}: it is the name of one file, and {len(addresses)} URLs are given")
    found: dict[str, object] = {"headers": dict(_header(line) for line in _lines(headers))}
    found |= {key: value for key, value in (("name", name), ("checksum", checksum), ("proxy", proxy)) if value}
    if limit:
        found["limit_bytes_per_s"] = checked_speed(limit) or None
    try:
        return DownloadOptions.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        member = str(first["loc"][0]) if first["loc"] else "headers"
        flag = {"limit_bytes_per_s": "limit", "headers": "header"}.get(member, member)
        raise CommandError(f"--{flag}: {first['msg'].removeprefix('Value error, ')}") from None


def checked_speed(text: str) -> int:
    """Bytes a second of `2MB`, `500KiB` or `0`. Raises CommandError."""
    try:
        speed = TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        raise CommandError(f"{text!r} is no speed: it looks like 2MB, 500KiB or 0 for no limit") from None
    if not 0 <= speed <= MAX_BYTES_PER_S:
        raise CommandError(f"{text!r} is no speed: a limit is 0 (none) to {MAX_BYTES_PER_S:,} bytes a second")
    return speed


def _lines(headers: Sequence[str]) -> Iterator[str]:
    """Headers as given, and for `@file` the file's lines: what is secret must not show in the list of processes."""
    for header in headers:
        if not header.startswith("@"):
            yield header
            continue
        try:
            yield from Path(header[1:]).read_text(encoding="latin-1").splitlines()
        except OSError as error:
            raise CommandError(f"--header {header}: can't read the file: {error.strerror}") from error


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise CommandError("--header looks like 'Name: value', or @file with one such line for each header")
    return name.strip(), value.strip()


async def add(
    url: str, addresses: Sequence[str], priority: int, options: DownloadOptions, say: Callable[[JobRecord], None]
) -> None:
    """Queues them one by one and says each. Raises CommandError before the first is queued, BrokerUnavailable."""
    for address in addresses:
        checked_url(address)
    async with broker_at(url) as broker:
        jobs = Jobs.connect(url, broker)
        try:
            for address in addresses:
                say(await jobs.submit(address, priority=priority, options=options))
        finally:
            await jobs.aclose()
