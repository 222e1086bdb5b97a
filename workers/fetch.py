"""One URL into one part file: from where it left off if that is safe, else from the beginning."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from workers.answer import Answer, Source, judge, resume_at
from workers.body import Body
from workers.failures import (
    BadAnswer,
    BrokenOff,
    ProxyRefused,
    Stalled,
    Unreachable,
    UnusableUrl,
    WrongStatus,
)
from workers.filenames import file_name
from workers.partfile import PartFile, size_of
from workers.retries import retry_after_s
from workers.room import CHECK_BYTES
from workers.terms import Terms

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
    terms: Terms | None = None,
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
    attempt = _Attempt(session, url, part, on_bytes, on_source, terms or Terms())
    start = resume_at(await asyncio.to_thread(size_of, part), source)
    with _errors_without_urls(session):
        if start:
            fetched = await attempt.make(start, source)
            if fetched is not None:
                return fetched
        fetched = await attempt.make(0, None)
    if fetched is None:
        raise BadAnswer("the server sent more than it had announced")
    return fetched


@dataclass(frozen=True, slots=True)
class _Attempt:
    session: aiohttp.ClientSession
    url: str
    part: Path
    on_bytes: OnBytes
    on_source: OnSource
    terms: Terms

    async def make(self, start: int, source: Source | None) -> Fetched | None:
        """None: what `part` holds can't be continued. Then it must not be used any more, only made anew."""
        headers = {}
        if start and source is not None and source.etag is not None:
            headers = {"Range": f"bytes={start}-", "If-Range": source.etag}
        await self._digest_from(start)
        async with self.terms.asking.answer(self.session, self.url, headers) as response:
            answer = _judged(response, start, source)
            if answer is None:
                return None
            if answer.start != start:
                await self._digest_from(answer.start)
            name = file_name(response.headers.get("Content-Disposition"), response.url.raw_path)
            async with PartFile(self.part, answer.start, self.terms.digest) as file:
                await self._check_room(answer.start, answer.total)
                await self.on_source(Source(answer.etag, answer.total, name))
                size = await self._receive(response, file, answer)
        if size is None:
            return None
        if self.terms.digest is not None:
            self.terms.digest.check()
        return Fetched(size, Source(answer.etag, size, name))

    async def _digest_from(self, start: int) -> None:
        """The digest of what is there already; of nothing, where the file is made anew."""
        if self.terms.digest is None:
            return
        if not start:
            self.terms.digest.restart()
        await self.terms.digest.catch_up(self.part, start)

    async def _check_room(self, received: int, total: int | None) -> None:
        if self.terms.room is not None:
            self.terms.room.check_size(received, total)
            await self.terms.room.check_free(total - received if total is not None else 0)

    async def _receive(self, response: aiohttp.ClientResponse, file: PartFile, answer: Answer) -> int | None:
        """Writes the body and returns the size of the whole file; None if there is more of it than there can be.

        Then the server probably sent the whole file as the rest of it, and the bytes already written are wrong.
        """
        terms, total, received = self.terms, answer.total, answer.start
        body = Body(response, terms.paces, self.session.timeout.sock_read, terms.least, terms.clock)
        self.on_bytes(received, total)
        looked_at = received
        while chunk := await body.read():
            if total is not None and received + len(chunk) > total:
                return None
            await file.write(chunk)
            received += len(chunk)
            self.on_bytes(received, total)
            if terms.room is not None and total is None:
                terms.room.check_size(received, total)
            if received - looked_at >= CHECK_BYTES:
                await self._check_room(received, total)
                looked_at = received
        if body.failure is not None or (total is not None and received < total):
            raise BrokenOff(received, total) from body.failure
        return received


def _judged(response: aiohttp.ClientResponse, start: int, source: Source | None) -> Answer | None:
    try:
        return judge(response.status, response.headers, start, source)
    except WrongStatus as error:
        headers = response.headers
        asked_s = retry_after_s(headers.get("Retry-After"), headers.get("Date"), datetime.now(UTC))
        raise WrongStatus(error.status, asked_s) from None


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
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise UnusableUrl("the URL is not a valid one") from None
    except aiohttp.ClientHttpProxyError as error:
        raise ProxyRefused(error.status) from None
    except aiohttp.ClientResponseError:
        raise BadAnswer("the server's answer is not valid HTTP") from None
    except aiohttp.ConnectionTimeoutError:
        raise Unreachable(session.timeout.connect or 0) from None
    except aiohttp.SocketTimeoutError:
        raise Stalled(session.timeout.sock_read or 0) from None
