"""What a server's status and headers mean for the bytes that a part file already holds. No I/O.

RFC 9110 throughout: If-Range §13.1.5, partial content §15.3.7, Content-Range §14.4, strong ETags §8.8.3.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from multidict import MultiMapping

from workers.errors import HTTPStatusError, ProtocolError, UnexpectedContentEncoding
from workers.http.byte_ranges import Span, Spans
from workers.http.retry_policy import retry_after_s

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')
_CONTENT_RANGE = re.compile(r"bytes +([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What the server says of the file it sends; kept with the job, it lets a successor resume.

    etag: strong, with its quotes; None if there is none, and then nothing can be resumed. total: the whole
    file's bytes, None if unknown. name: a safe file name, empty while none was told. done: where several connections
    write, which bytes are on the disk; None where one writes, and what is there is a beginning.
    """

    etag: str | None
    total: int | None
    name: str = ""
    done: Spans | None = None


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The body holds the file's bytes from `start` to its end; what the part file has beyond is void."""

    start: int
    etag: str | None
    total: int | None


def resume_at(have: int, source: RemoteFile | None) -> int:
    """The first byte to ask for when a part file holds `have` bytes of `source`; 0 to ask for the whole.

    A part file that holds everything asks for its last byte again, so that the server has something to
    answer and confirms the ETag.
    """
    if source is None or source.etag is None or not _STRONG_ETAG.fullmatch(source.etag):
        return 0
    if source.total is None or have < source.total:
        return have
    return source.total - 1 if have == source.total and have > 0 else 0


def check_response(
    status: int, headers: MultiMapping[str], start: int, source: RemoteFile | None
) -> ResponseHead | None:
    """Which bytes the body is, when those from `start` on were asked for under `source`'s ETag.

    None: this part file can't be continued, ask again for the whole. That is every 416, and every 206 that
    does not name this very file, this start and its end. Raises WrongStatus, EncodedBody or BadAnswer when
    there is no file to be had from this answer.
    """
    if start and status == 416:
        return None
    if status != 200 and not (start and status == 206):
        raise wrong_status(status, headers)
    _refuse_encodings(headers)
    etag = _only(headers, "ETag")
    if status == 200:
        strong = etag is not None and _STRONG_ETAG.fullmatch(etag) is not None
        return ResponseHead(0, etag if strong else None, _length(headers))
    if source is None or etag is None or etag != source.etag:
        return None
    found = _content_range(headers)
    if found is None:
        return None
    first, last, said = found
    total = source.total if said is None else said
    length = _length(headers)
    whole_rest = total is not None and start == first <= last == total - 1
    agrees = source.total in (None, total) and length in (None, last - first + 1)
    return ResponseHead(start, etag, total) if whole_rest and agrees else None


def wrong_status(status: int, headers: MultiMapping[str]) -> HTTPStatusError:
    """With what the server asks for by Retry-After, from now on."""
    asked_s = retry_after_s(headers.get("Retry-After"), headers.get("Date"), datetime.now(UTC))
    return HTTPStatusError(status, asked_s)


def matches_range(wanted: Span, status: int, headers: MultiMapping[str], source: RemoteFile) -> bool:
    """Whether the body is these bytes of this very file and no others. Raises EncodedBody and BadAnswer."""
    if status != 206 or source.etag is None or _only(headers, "ETag") != source.etag:
        return False
    _refuse_encodings(headers)
    start, end = wanted
    return _content_range(headers) == (start, end - 1, source.total) and _length(headers) in (None, end - start)


def _content_range(headers: MultiMapping[str]) -> tuple[int, int, int | None] | None:
    """First and last byte and the whole file's size, None where it is unknown; None for several parts or nonsense."""
    if (_only(headers, "Content-Type") or "").strip().lower().startswith("multipart/byteranges"):
        return None  # RFC 9110 §15.3.7.2
    match = _CONTENT_RANGE.fullmatch(_only(headers, "Content-Range") or "")
    return (int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])) if match else None


def _only(headers: MultiMapping[str], name: str) -> str | None:
    values = headers.getall(name, [])
    if len(values) > 1:
        raise ProtocolError(f"the server's answer is not valid HTTP: it has {len(values)} headers {name}")
    return values[0] if values else None


def _refuse_encodings(headers: MultiMapping[str]) -> None:
    for name, plain in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
        for value in headers.getall(name, []):
            for coding in value.split(","):
                if coding.strip().lower() not in ("", plain):
                    raise UnexpectedContentEncoding(coding.strip())


def _length(headers: MultiMapping[str]) -> int | None:
    """Content-Length; None without one, and in chunks, where it has no say (RFC 9112 §6.3)."""
    text = _only(headers, "Content-Length")
    if text is None or "Transfer-Encoding" in headers:
        return None
    if _LENGTH.fullmatch(text) is None:
        raise ProtocolError("the server's answer is not valid HTTP: its Content-Length is no number")
    return int(text)
