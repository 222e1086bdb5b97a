"""One URL into one part file: from where it left off if that is safe, else from the beginning."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from workers.disk.disk_space import CHECK_BYTES
from workers.disk.file_names import file_name
from workers.disk.part_file import PartFile, size_of
from workers.errors import (
    ConnectError,
    IncompleteBody,
    InvalidURL,
    ProtocolError,
    ProxyError,
    ReadTimeout,
)
from workers.http.body import Body
from workers.http.response import RemoteFile, ResponseHead, check_response, resume_at
from workers.transfer.fetch_options import FetchOptions
from workers.transfer.order import OnBytes, OnSource, Transfer
from workers.transfer.segmented import MIN_SPLIT_BYTES, SegmentedDownload


@dataclass(frozen=True, slots=True)
class Fetched:
    """The part file is complete and on the disk: `size` bytes; `source.total` says the same."""

    size: int
    source: RemoteFile


async def fetch(
    session: aiohttp.ClientSession,
    url: str,
    part: Path,
    source: RemoteFile | None,
    on_bytes: OnBytes,
    *,
    on_source: OnSource,
    terms: FetchOptions | None = None,
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
    order = Transfer(session, url, part, on_bytes, on_source, terms or FetchOptions())
    with _errors_without_urls(session):
        fetched = await _resumed(order, source) or await _attempt(order, 0, None)
    if fetched is None:
        raise ProtocolError("the server sent more than it had announced")
    return fetched


async def _resumed(order: Transfer, source: RemoteFile | None) -> Fetched | None:
    """None: what `part` holds can't be continued. Then it must not be used any more, only made anew."""
    if source is not None and source.done is not None:
        size = await SegmentedDownload(order, source).resume()
        return None if size is None else await _checked(order, size, source)
    start = resume_at(await asyncio.to_thread(size_of, order.part), source)
    return await _attempt(order, start, source) if start else None


async def _attempt(order: Transfer, start: int, source: RemoteFile | None) -> Fetched | None:
    """None as for _resumed."""
    headers = {}
    if start and source is not None and source.etag is not None:
        headers = {"Range": f"bytes={start}-", "If-Range": source.etag}
    await _digest_from(order, start)
    async with order.terms.asking.open(order.session, order.url, headers) as response:
        answer = check_response(response.status, response.headers, start, source)
        if answer is None:
            return None
        if answer.start != start:
            await _digest_from(order, answer.start)
        name = file_name(response.headers.get("Content-Disposition"), response.url.raw_path)
        found = RemoteFile(answer.etag, answer.total, name)
        async with AsyncExitStack() as stack:
            file = await stack.enter_async_context(PartFile(order.part, answer.start, order.terms.digest))
            await order.check_room(answer.start, answer.total)
            await order.on_source(found)
            order.on_bytes(answer.start, answer.total)
            body = order.terms.body(response, order.session.timeout.sock_read)
            if _may_be_split(order, response, answer):
                stack.callback(response.close)
                size = await SegmentedDownload(order, found).begin(body, file, answer.start, stack.pop_all())
            else:
                size = await _receive(order, body, file, answer)
    return None if size is None else await _checked(order, size, found)


def _may_be_split(order: Transfer, response: aiohttp.ClientResponse, answer: ResponseHead) -> bool:
    if answer.etag is None or answer.total is None or answer.total < MIN_SPLIT_BYTES or order.terms.connections == 1:
        return False
    return response.headers.get("Accept-Ranges", "").strip().lower() != "none"


async def _digest_from(order: Transfer, start: int) -> None:
    """The digest of what is there already; of nothing, where the file is made anew."""
    if order.terms.digest is not None:
        if not start:
            order.terms.digest.restart()
        await order.terms.digest.catch_up(order.part, start)


async def _checked(order: Transfer, size: int, source: RemoteFile) -> Fetched:
    if order.terms.digest is not None:
        await order.terms.digest.catch_up(order.part, size)
        order.terms.digest.check()
    return Fetched(size, RemoteFile(source.etag, size, source.name))


async def _receive(order: Transfer, body: Body, file: PartFile, answer: ResponseHead) -> int | None:
    """Writes the body and returns the size of the whole file; None if there is more of it than there can be.

    Then the server probably sent the whole file as the rest of it, and the bytes already written are wrong.
    """
    total, received = answer.total, answer.start
    looked_at = received
    while chunk := await body.read():
        if total is not None and received + len(chunk) > total:
            return None
        await file.write(chunk)
        received += len(chunk)
        order.on_bytes(received, total)
        if order.terms.room is not None and total is None:
            order.terms.room.check_size(received, total)
        if received - looked_at >= CHECK_BYTES:
            await order.check_room(received, total)
            looked_at = received
    if body.failure is not None or (total is not None and received < total):
        raise IncompleteBody(received, total) from body.failure
    return received


def _check_scheme(url: str) -> None:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise InvalidURL("the URL is not a valid one") from None
    if scheme not in ("http", "https"):
        what = scheme[:20] or "one without a scheme"
        raise InvalidURL(f"only http and https URLs can be downloaded, not {what}")


@contextmanager
def _errors_without_urls(session: aiohttp.ClientSession) -> Iterator[None]:
    """Replaces those of aiohttp's errors whose text has the URL, and with it passwords and signed queries."""
    try:
        yield
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise InvalidURL("the URL is not a valid one") from None
    except aiohttp.ClientHttpProxyError as error:
        raise ProxyError(error.status) from None
    except aiohttp.ClientResponseError:
        raise ProtocolError("the server's answer is not valid HTTP") from None
    except aiohttp.ConnectionTimeoutError:
        raise ConnectError(session.timeout.connect or 0) from None
    except aiohttp.SocketTimeoutError:
        raise ReadTimeout(session.timeout.sock_read or 0) from None
