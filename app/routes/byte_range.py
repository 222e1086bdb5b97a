"""The response to a request for a file: all of it, a range, or 304. No I/O.

RFC 9110: conditions §13.2.2, Range §14.2, If-Range §13.1.5. A request for several ranges gets all of it, which §14.2
allows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# A unit other than bytes, several ranges and malformed ones do not match: then Range is ignored (§14.2).
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class RangeResponse:
    """`status` is 200, 206, 304, 412 or 416. The body holds the bytes from `start` up to, and without, `stop`."""

    status: int
    start: int
    stop: int


def evaluate_range(method: str, headers: Mapping[str, str], etag: str, size: int) -> RangeResponse:
    """Decide on GET or HEAD of a file of `size` bytes with a strong `etag`, in quotes; `headers` in lower case."""
    if "if-match" in headers and not _matches(headers["if-match"], etag, strongly=True):
        return RangeResponse(412, 0, 0)
    if "if-none-match" in headers and _matches(headers["if-none-match"], etag, strongly=False):
        return RangeResponse(304, 0, 0)
    complete = RangeResponse(200, 0, size)
    # Range is defined for GET alone. A date in If-Range never matches: no Last-Modified is sent, since a second is too
    # coarse to distinguish one file from another.
    if method != "GET" or headers.get("if-range", etag) != etag:
        return complete
    requested = _RANGE.fullmatch(headers.get("range", ""))
    if requested is None or not (requested[1] or requested[2]):
        return complete
    if not requested[1]:
        length = int(requested[2])
        start, stop = max(0, size - length), size
    else:
        start = int(requested[1])
        if requested[2] and int(requested[2]) < start:
            return complete
        stop = min(size, int(requested[2]) + 1) if requested[2] else size
    return RangeResponse(206, start, stop) if start < stop else RangeResponse(416, 0, 0)


def _matches(field: str, etag: str, *, strongly: bool) -> bool:
    """Return whether a list of tags, or *, has the file's. A weak one counts unless it must be strong (§8.8.3.2)."""
    if field.strip() == "*":
        return True
    return any(tag[1] == etag and not (strongly and tag[0].startswith("W/")) for tag in _TAG.finditer(field))
