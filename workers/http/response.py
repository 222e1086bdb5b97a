"""The meaning of a server's status and headers for the bytes that a part file already holds. No I/O.

RFC 9110 throughout: If-Range §13.1.5, partial content §15.3.7, Content-Range §14.4, validators §8.8.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from workers.errors import HTTPStatusError, ProtocolError
from workers.http.byte_ranges import Span, Spans
from workers.http.decoding import Decoder
from workers.http.headers import Headers, parse_date
from workers.http.retry_policy import retry_after_s

# Many servers leave out the quotes, or put spaces within; browsers compare such a tag as it is.
_STRONG_ETAG = re.compile(r'"[\x20\x21\x23-\x7e]*"|(?![Ww]/)[\x21\x23-\x2b\x2d-\x7e]+')
# The unit and the size are left out by some servers; anything but a number in place of the size leaves it unknown.
_CONTENT_RANGE = re.compile(
    r"(?:bytes)?[ =:]*([0-9]{1,18}) *- *([0-9]{1,18}) *(?:/ *([0-9]{1,18}(?![0-9]))?.*)?|bytes[ =:]*\*/([0-9]{1,18})",
    re.IGNORECASE,
)
_LENGTH = re.compile(r"0*[0-9]{1,18}", re.ASCII)
_MIN_AGE = timedelta(seconds=1)  # RFC 9110 §8.8.2.2: of a file that was changed within the same second
# Of the answers 2xx, those without the file; unknown ones are as 200 (RFC 9110 §15).
_NO_FILE = frozenset({202, 204, 205, 207, 208})
# Answers to a request for a part after which the whole is asked for: its form may be all that the server objects to.
_NO_PARTS = frozenset({*range(201, 206), *range(207, 400), 400, 405, 406, 411, 412, 413, 414, 416, 417, 422, 431, 501})
_GZIP_TYPES = ("application/gzip", "application/x-gzip", "application/x-gunzip", "application/x-tgz")
_GZIP_NAMES, _Z_NAMES = ("gz", "tgz", "taz", "svgz", "emz"), ("z", "tz")
_ENDINGS = {  # of each compression, the endings of files that are in it themselves
    **dict.fromkeys(("gzip", "x-gzip"), _GZIP_NAMES),
    **dict.fromkeys(("compress", "x-compress"), _Z_NAMES),
    "deflate": ("zz",),
    "br": ("br", "tbr"),
    "zstd": ("zst", "tzst"),
}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as its server describes it; kept with the job, it lets a successor resume.

    validator: as read_validator returns it; without one only a file with a checksum can be resumed. total: the whole
    file's bytes, None if unknown. name: a safe file name, empty while there is none. done: where several connections
    write, which bytes are on the disk; None where one writes, and the part file is a beginning. modified:
    Last-Modified as it came. mirror: the URL behind redirects.
    """

    validator: str | None
    total: int | None
    name: str = ""
    done: Spans | None = None
    modified: str = ""
    mirror: str = ""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The body holds the file's bytes from `start` to its end; what the part file has beyond is void."""

    start: int
    validator: str | None
    total: int | None


def is_strong(validator: str | None) -> bool:
    """Return whether bytes may be continued under that validator: a strong ETag, or a date."""
    return bool(make_conditions(validator))


def make_conditions(validator: str | None) -> dict[str, str]:
    """Return the header by which a server sends a part only of that version; none under a validator that is weak."""
    condition = (validator or "").partition("\n")[0]
    return {"If-Range": condition} if _is_date(condition) or _STRONG_ETAG.fullmatch(condition) else {}


def _is_date(condition: str) -> bool:
    return '"' not in condition and condition.isascii() and parse_date(condition) is not None


def resume_at(have: int, source: RemoteFile | None, *, is_verified: bool = False) -> int:
    """Return the first byte to ask for when a part file holds `have` bytes of `source`; 0 to ask for the whole.

    A part file that holds everything asks for its last byte again, so that the server has something to answer and
    confirms the validator. `is_verified`: the file has a checksum, so any bytes may be continued.
    """
    if source is None or not (is_verified or is_strong(source.validator)):
        return 0
    if source.total is None or have < source.total:
        return have
    return source.total - 1 if have == source.total and have > 0 else 0


def refuses_parts(status: int) -> bool:
    """Return whether a request for the whole is worth a try where one for a part got this status."""
    return status in _NO_PARTS


def check_response(
    status: int, headers: Headers, start: int, source: RemoteFile | None, *, is_verified: bool = False
) -> ResponseHead | None:
    """Return which bytes the body is, when those from `start` on were asked for under `source`'s validator.

    `is_verified`: as in resume_at; the rest of another version has no validator then. None: this part file can't be
    continued, ask for the whole. Raises HTTPStatusError or ProtocolError when there is no file to be had from this
    answer.
    """
    if start and refuses_parts(status):
        return None
    if status not in range(200, 300) or status in _NO_FILE:
        raise wrong_status(status, headers)
    try:
        head = _read_head(status, headers, start, source, is_verified)
    except ProtocolError:
        if start:
            return None
        raise
    if head is None and not start:
        raise ProtocolError("the server sent another part of the file than was asked for")
    return head


def _read_head(
    status: int, headers: Headers, start: int, source: RemoteFile | None, is_verified: bool
) -> ResponseHead | None:
    length, validator = _length(headers), read_validator(headers)
    content_range = _content_range(headers)
    if content_range is None:
        states_bytes = any(map(str.isdigit, headers.get("Content-Range")))
        if status == 206 or states_bytes or (start and "Content-Range" in headers):
            return None
        known = source.total if source is not None and validator is not None and validator == source.validator else None
        if known is not None and length not in (None, known):
            raise ProtocolError(f"the server states {length} and {known} bytes for one version of the file")
        return ResponseHead(0, validator, known if length is None else length)
    first, last, stated = content_range
    if stated is None and status != 206 and first == 0:
        stated = last + 1
    if not start and length is not None and length == stated and last + 1 - first in (length, length + 1):
        return ResponseHead(0, validator, stated)  # all of it, where the server counts from 1 or to the size, too
    known = source.total if start and source is not None else None
    total = known if stated is None else stated
    is_rest = total is not None and start == first <= last == total - 1
    agrees = known in (None, total) and length in (None, last - first + 1)
    if not (is_rest and agrees):
        return None
    if not start:
        return ResponseHead(0, validator, total)
    if source is not None and _is_version(headers, source.validator):
        return ResponseHead(start, source.validator, total)
    return ResponseHead(start, None, total) if is_verified else None


def _is_version(headers: Headers, validator: str | None) -> bool:
    """Return whether a part that was asked for under that validator is of its version.

    The answer to If-Range need not repeat Last-Modified, other than an ETag (RFC 9110 §15.3.7).
    """
    date, *etags = (validator or "").split("\n")
    is_implied = _is_date(date) and "Last-Modified" not in headers and headers.get_all("ETag") == etags
    return is_implied or read_validator(headers) == validator


def matches_range(span: Span, status: int, headers: Headers, source: RemoteFile) -> bool:
    """Return whether the body is these bytes of this very file and no others."""
    start, end = span
    try:
        is_whole_span = _content_range(headers) == (start, end - 1, source.total)
        has_length = _length(headers) in (None, end - start)
    except ProtocolError:
        return False
    is_same = is_strong(source.validator) and _is_version(headers, source.validator)
    return status in (200, 206) and is_whole_span and has_length and is_same and not content_codings(headers)


def wrong_status(status: int, headers: Headers) -> HTTPStatusError:
    """Return the error, with the time that the server asks for by Retry-After, from now on."""
    asked_s = retry_after_s(headers.get("Retry-After"), headers.get("Date"), datetime.now(UTC))
    return HTTPStatusError(status, asked_s)


def read_validator(headers: Headers) -> str | None:
    """Return the strong validator of a response: its ETag, else its Last-Modified where that can be one.

    A weak ETag follows the date in a line of its own: the server has not changed the file only if both are the same.
    """
    etags = set(headers.get_all("ETag"))
    if len(etags) == 1 and _STRONG_ETAG.fullmatch(etag := next(iter(etags))):
        return etag
    modified = headers.get("Last-Modified")
    changed = parse_date(modified)
    if changed is None or len(set(headers.get_all("Last-Modified"))) > 1 or len(etags) > 1:
        return None
    answered = parse_date(headers.get("Date")) or datetime.now(UTC)
    return "\n".join([modified, *etags]) if answered - changed >= _MIN_AGE else None


def content_codings(headers: Headers) -> list[str]:
    """Return the compressions that a response states; other words there, such as `none` or `UTF-8`, are no coding."""
    fields = ",".join(headers.get_all("Content-Encoding"))
    return [coding for coding in map(str.strip, fields.lower().split(",")) if coding in _ENDINGS]


def make_decoder(headers: Headers, name: str, size: int | None) -> Decoder | None:
    """Return what undoes the compression of a response of `size` bytes.

    None where the compression is the file's own, as that of `name.tar.gz`.
    """
    codings = content_codings(headers)
    kind = headers.get("Content-Type").lower().partition(";")[0].strip()
    is_archive = kind in _GZIP_TYPES and codings[:1] in (["gzip"], ["x-gzip"])
    is_own = len(codings) == 1 and (is_archive or name.lower().rpartition(".")[2] in _ENDINGS[codings[0]])
    return Decoder(codings, size) if codings and not is_own else None


def _content_range(headers: Headers) -> tuple[int, int, int | None] | None:
    """Return first and last byte and the file's size, None where it is unknown; None for several parts or nonsense."""
    if headers.get("Content-Type").lower().startswith("multipart/byteranges"):
        return None  # RFC 9110 §15.3.7.2
    match = _CONTENT_RANGE.fullmatch(_only(headers, "Content-Range") or "")
    if match is None:
        return None
    if match[4] is not None:  # in place of a range "*": of the whole
        return 0, int(match[4]) - 1, int(match[4])
    return int(match[1]), int(match[2]), None if match[3] is None else int(match[3])


def _only(headers: Headers, name: str) -> str | None:
    values = {value.strip() for field in headers.get_all(name) for value in field.split(",")}
    if len(values) > 1:
        raise ProtocolError(f"the server's answer is not valid HTTP: it has {len(values)} headers {name}")
    return values.pop() if values else None


def _length(headers: Headers) -> int | None:
    """Return Content-Length; None without one, and in chunks, where it does not count (RFC 9112 §6.3)."""
    text = _only(headers, "Content-Length")
    if text is None or "Transfer-Encoding" in headers:
        return None
    if _LENGTH.fullmatch(text) is None:
        raise ProtocolError("the server's answer is not valid HTTP: its Content-Length is no number")
    return int(text)
