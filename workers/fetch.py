"""One URL into one part file: from where it left off if that is safe, else from the beginning."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from workers.answer import Answer, Source, judge, resume_at
from workers.failures import (
    BadAnswer,
    BrokenOff,
    Stalled,
    TooManyRedirects,
    Unreachable,
    UnusableUrl,
)
from workers.filenames import file_name
from workers.partfile import PartFile, size_of

MAX_REDIRECTS = 5

OnSource = Callable[[Source], Awaitable[None]]
OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """The part file is complete and on the disk: `size` bytes; `source.total` says the same."""

    size: int
    source: Source


async def fetch(
    session: aiohttp.ClientSession,
    url: str,
    part: Path,
    source: Source | None,
    on_bytes: OnBytes,
    *,
    on_source: OnSource,
) -> Fetched:
    """Downloads `url` into `part`, the caller's own file, and returns when every byte is on the disk.

    What `part` holds is continued only if `source`, which the last on_source told, has a strong ETag and the
    server confirms it; else `part` is made anew, once the server has begun to answer.

    on_source is awaited when the headers are known and before the first byte is written: the caller records
    what it is given, or a successor could append to the bytes of another version. on_bytes(received, total)
    comes with what is resumed, then with each piece: bytes of the file so far, and its size or None.

    Raises failures.DownloadFailed, aiohttp.ClientError (AddressRefused is its os_error), OSError of the disk,
    and what the callbacks raise. None of fetch's own carries the URL. After an error or a cancellation the file
    is closed and `part` holds the beginning of what on_source told last, so fetch may be called again.

    A body without length or chunks ends when the connection does (RFC 9112 §6.3): there alone a file that was
    cut short can't be told from a whole one.
    """
    _check_scheme(url)
    start = resume_at(await asyncio.to_thread(size_of, part), source)
    with _errors_without_urls(session):
        if start:
            fetched = await _attempt(session, url, part, start, source, on_bytes, on_source)
            if fetched is not None:
                return fetched
        fetched = await _attempt(session, url, part, 0, None, on_bytes, on_source)
    if fetched is None:
        raise BadAnswer("the server sent more than it had announced")
    return fetched


async def _attempt(
    session: aiohttp.ClientSession,
    url: str,
    part: Path,
    start: int,
    source: Source | None,
    on_bytes: OnBytes,
    on_source: OnSource,
) -> Fetched | None:
    """None: what `part` holds can't be continued. Then it must not be used any more, only made anew."""
    headers = {}
    if start and source is not None and source.etag is not None:
        headers = {"Range": f"bytes={start}-", "If-Range": source.etag}
    # aiohttp raises on the n-th redirect, not after it.
    async with session.get(url, headers=headers, max_redirects=MAX_REDIRECTS + 1) as response:
        answer = judge(response.status, response.headers, start, source)
        if answer is None:
            return None
        name = file_name(response.headers.get("Content-Disposition"), response.url.raw_path)
        async with PartFile(part, answer.start) as file:
            await on_source(Source(answer.etag, answer.total, name))
            size = await _receive(response, file, answer, on_bytes, session.timeout.sock_read)
    return None if size is None else Fetched(size, Source(answer.etag, size, name))


async def _receive(
    response: aiohttp.ClientResponse, file: PartFile, answer: Answer, on_bytes: OnBytes, silence_s: float | None
) -> int | None:
    """Writes the body and returns the size of the whole file; None if there is more of it than there can be.

    Then the server probably sent the whole file as the rest of it, and the bytes already written are wrong.
    """
    body, total, received = response.content, answer.total, answer.start
    on_bytes(received, total)
    failure: aiohttp.ClientError | RuntimeError | None = None
    while failure is None:
        try:
            # Once aiohttp met a malformed chunk its own time-out is gone: nobody wakes who waits for more, and
            # who begins to wait later is told by a RuntimeError.
            async with asyncio.timeout(silence_s):
                chunk = await body.readany()
        except (aiohttp.ClientError, RuntimeError) as error:
            failure, chunk = error, _held_back(body)
        except TimeoutError:
            raise Stalled(silence_s or 0) from None
        if not chunk:
            break
        if total is not None and received + len(chunk) > total:
            return None
        await file.write(chunk)
        received += len(chunk)
        on_bytes(received, total)
    if isinstance(failure, aiohttp.ServerTimeoutError):
        raise failure
    if failure is not None or (total is not None and received < total):
        raise BrokenOff(received, total) from failure
    return received


def _held_back(body: aiohttp.StreamReader) -> bytes:
    """What arrived before the connection failed. aiohttp keeps it and gives only the error.

    Without it, a server that drops every connection early would never be got any further with.
    """
    body.set_exception(None)  # type: ignore[arg-type]
    return body.read_nowait()


def _check_scheme(url: str) -> None:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise UnusableUrl("the URL is not a valid one") from None
    if scheme not in ("http", "https"):
        what = scheme[:20] or "one without a scheme"
        raise UnusableUrl(f"only http and https URLs can be downloaded, not {what}")


@contextmanager
def _errors_without_urls(session: aiohttp.ClientSession) -> Iterator[None]:
    """Replaces those of aiohttp's errors whose text has the URL, and with it passwords and signed queries."""
    try:
        yield
    except aiohttp.TooManyRedirects:
        raise TooManyRedirects(MAX_REDIRECTS) from None
    except aiohttp.RedirectClientError:
        raise UnusableUrl("the server redirects to what is no http or https URL") from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise UnusableUrl("the URL is not a valid one") from None
    except aiohttp.ClientResponseError:
        raise BadAnswer("the server's answer is not valid HTTP") from None
    except aiohttp.ConnectionTimeoutError:
        raise Unreachable(session.timeout.connect or 0) from None
    except aiohttp.SocketTimeoutError:
        raise Stalled(session.timeout.sock_read or 0) from None
