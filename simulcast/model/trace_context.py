"""`traceparent` of W3C Trace Context, version 00: a trace, the span that was the cause, and flags.

https://www.w3.org/TR/trace-context/#traceparent-header
"""

import re

_FORM = "00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_TEXT = re.compile(_FORM)
_MEMBER = re.compile(f'"traceparent":"({_FORM})"'.encode())


def parse_traceparent(text: str | None) -> str:
    """Return the text, or "" for one of another form: a foreign header that is damaged must refuse no request."""
    return text if text and _TEXT.fullmatch(text) else ""


def find_traceparent(event: bytes) -> str:
    """Return the member of an event in wire form, "" without one."""
    match = _MEMBER.search(event)
    return match[1].decode() if match else ""


def add_traceparent(payload: bytes, traceparent: str) -> bytes:
    """Return the JSON object with the member `traceparent` as its last one."""
    object_ = payload.removesuffix(b"}")
    comma = b"" if not object_.strip(b"{ \t\r\n") else b","
    return b'%b%b"traceparent":"%b"}' % (object_, comma, traceparent.encode())
