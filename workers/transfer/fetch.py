"""One URL into one part file: from where it left off if that is safe, else from the beginning."""

from dataclasses import dataclass, replace

from workers.block import Block
from workers.disk.disk_space import CHECK_BYTES
from workers.disk.file_names import file_name
from workers.disk.identity import FileIdentity
from workers.disk.part_file import PartFile, size_of
from workers.disk.threads import in_thread
from workers.disk.writer import Writer
from workers.errors import ChecksumMismatch, IncompleteBody, ProtocolError, RangeRefused
from workers.http.body import Body
from workers.http.byte_ranges import length
from workers.http.exchange import Response
from workers.http.headers import parse_date
from workers.http.response import (
    RemoteFile,
    ResponseHead,
    check_response,
    is_strong,
    make_conditions,
    make_decoder,
    resume_at,
)
from workers.transfer.fetch_options import FetchOptions
from workers.transfer.limits import WorkerLimits
from workers.transfer.segmented import MIN_SPLIT_BYTES, SegmentedDownload


@dataclass(frozen=True, slots=True)
class Fetched:
    """The part file is complete and on the disk: `size` bytes; `source.total` states the same."""

    size: int
    source: RemoteFile
    identity: FileIdentity


async def fetch(options: FetchOptions, limits: WorkerLimits, source: RemoteFile | None) -> Fetched:
    """Download into `options.part`, the caller's own file, and return when every byte is on the disk.

    The bytes that the file holds are continued only if `source`, the last one given to on_source, has a strong
    validator and the server confirms it, or if the file has a checksum; else the file is made again, once the server
    has begun to answer.

    on_source is awaited when the headers are known and before the first byte is written, unless all of a small file
    comes before that: the caller records the source, or a successor could append to the bytes of another version.
    on_bytes(received, total) comes with the bytes that are resumed, then after each write: bytes of the file on the
    disk, and its size or None.

    Raises DownloadFailed, OSError of the disk, and what the callbacks raise. After an error or a cancellation the file
    is closed and holds the beginning of the last source that on_source was given, so fetch may be called again.

    A body without length or chunks ends when the connection does (RFC 9112 §6.3): there alone a file that was cut
    short can't be told from a whole one.
    """
    try:
        fetched = await _resume(options, limits, source) or await _attempt(options, limits, 0, source)
    finally:
        limits.room.release(options.part)
    if fetched is None:
        raise ProtocolError("the server sent more than it had announced")
    return fetched


async def _resume(options: FetchOptions, limits: WorkerLimits, source: RemoteFile | None) -> Fetched | None:
    """Return None where the part file can't be continued. Then it must not be used any more, only made again."""
    if source is None:
        return None
    options.request.mirror = source.mirror
    have = await in_thread(size_of, options.part)
    if source.done is not None:
        return await _resume_segments(options, limits, source, have)
    start = resume_at(have, source, is_verified=options.digest is not None)
    if not start:
        return None
    if options.digest is not None:
        async with PartFile(options.part, start) as file:
            options.digest.restart()
            await options.digest.catch_up(file, start)
    try:
        return await _attempt(options, limits, start, source)
    except RangeRefused:
        return None


async def _resume_segments(
    options: FetchOptions, limits: WorkerLimits, source: RemoteFile, have: int
) -> Fetched | None:
    if not source.done or have < source.done[-1][1] or source.total is None:
        return None
    async with PartFile(options.part, have) as file:
        await _reserve(options, limits, length(source.done), source.total, file.free_bytes)
        size = await SegmentedDownload(options, limits, source, file).resume()
        return None if size is None else await _finish(options, limits, file, size, source)


async def _attempt(
    options: FetchOptions, limits: WorkerLimits, start: int, source: RemoteFile | None
) -> Fetched | None:
    """Return None as _resume does."""
    is_verified = options.digest is not None  # then a validator that changes without the file costs nothing
    conditions = make_conditions(source.validator) if start and source is not None and not is_verified else {}
    async with options.request.send(conditions, f"{start}-" if start else "") as response:
        head = check_response(response.status, response.headers, start, source, is_verified=is_verified)
        if head is None:
            return None
        name = file_name(response.headers.get("Content-Disposition"), response.url.path)
        decoder = make_decoder(response.headers, name, head.total)
        if decoder is not None:
            if head.start:
                return None
            head = ResponseHead(0, None, None)  # of the plain file the headers state nothing
        known = source.modified if head.start and source is not None else ""
        mirror, modified = options.request.mirror, response.headers.get("Last-Modified") or known
        found = RemoteFile(head.validator, head.total, name, None, modified, mirror)
        if options.digest is not None and not head.start:
            options.digest.restart()
        async with PartFile(options.part, head.start) as file:
            await _reserve(options, limits, head.start, head.total, file.free_bytes)
            options.on_bytes(head.start, head.total)
            body = limits.body(response, options.pace, decoder)
            if _may_be_split(limits, response, head):
                await options.on_source(found)
                size, last = await SegmentedDownload(options, limits, found, file).begin(body, head.start), None
            else:
                size, last = await _receive(options, limits, body, file, head, found)
            try:
                return None if size is None else await _finish(options, limits, file, size, found, last)
            except ChecksumMismatch:
                if head.start and not is_strong(found.validator):
                    return None  # the bytes that were there may be those of another version
                raise


def _may_be_split(limits: WorkerLimits, response: Response, head: ResponseHead) -> bool:
    if not is_strong(head.validator) or head.total is None or head.total < MIN_SPLIT_BYTES or limits.connections == 1:
        return False
    return response.headers.get("Accept-Ranges").lower() != "none"


async def _finish(
    options: FetchOptions,
    limits: WorkerLimits,
    file: PartFile,
    size: int,
    source: RemoteFile,
    last: Block | None = None,
) -> Fetched:
    """`last`: the end of the file, which is not written yet."""
    if options.digest is not None:
        await options.digest.catch_up(file, size, options.on_checked)
        options.digest.check()
    modified = parse_date(source.modified) if limits.keeps_time else None
    modified_s = modified.timestamp() if modified is not None else None
    identity = await in_thread(file.finish, modified_s, last, size - len(last or ()))
    if last:
        options.on_bytes(size, size)
    return Fetched(size, replace(source, total=size, done=None), identity)


async def _receive(
    options: FetchOptions, limits: WorkerLimits, body: Body, file: PartFile, head: ResponseHead, source: RemoteFile
) -> tuple[int | None, Block | None]:
    """Write the body and return the size of the whole file; None if there is more of it than there can be.

    Then the server probably sent the whole file as the rest of it, and the bytes already written are wrong. The last
    block is returned, too, if it is not written: where nothing follows it, one step writes it and finishes the file.
    """
    total, received = head.total, head.start
    checked_at = received
    is_recorded = False

    def on_written() -> None:
        if total is not None:
            limits.room.reduce(options.part, total - writer.written)
        options.on_bytes(writer.written, total)

    async with Writer(file, head.start, on_written, options.digest) as writer:
        while block := await body.read(None if total is None else total - received):
            received += len(block)
            if total is not None and received > total:
                return None, None
            if total is None:
                limits.room.check_size(received, total)
            if not is_recorded and received != total:
                await options.on_source(source)
                is_recorded = True
            if received == total and options.digest is None and await body.wait_end():
                return received, block
            await writer.write(block)
            if received - checked_at >= CHECK_BYTES:
                await _reserve(options, limits, received, total)
                checked_at = received
        if body.failure is not None and not body.failure.transient:
            raise body.failure
        if body.failure is not None or (total is not None and received < total):
            raise IncompleteBody(received, total) from body.failure
        body.check_end()
    return received, None


async def _reserve(
    options: FetchOptions, limits: WorkerLimits, received: int, total: int | None, free: int | None = None
) -> None:
    """Raises TooLarge and DiskFull."""
    limits.room.check_size(received, total)
    await limits.room.reserve(options.part, 0 if total is None else total - received, free)
