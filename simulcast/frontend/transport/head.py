"""The head of a request (RFC 9112), read strictly: a head that is not read here is left to a whole parser of HTTP."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qsl, unquote

from starlette.responses import Response

_HEAD = re.compile(
    rb"([A-Z]+) ([\x21-\x7e]+) HTTP/1\.([01])\r\n"
    rb"((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*)\r\n"
)
_KEY_LINE = re.compile(rb"\r\n(?i:sec-websocket-key):[ \t]*([+/0-9A-Za-z]{22}==)[ \t]*(?=\r\n)")  # 16 bytes in base64
_MAX_SHARED = 256  # heads
_MAX_SHARED_BYTES = 2048  # of one
_ABSOLUTE = re.compile(rb"(?:http|ws)s?://([^/?#]+)([^#]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Head:
    """A request's head. `target`: path and query. `fields`: by name in lower case, equal ones joined (RFC 9110 §5.3).

    A field that may stand there once is therefore no valid one where it stands there twice.
    """

    method: bytes
    target: bytes
    version: bytes
    fields: dict[bytes, bytes]

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Parse a head, up to and with its empty line; None for any other text."""
        match = _HEAD.fullmatch(data)
        if match is None:
            return None
        fields: dict[bytes, bytes] = {}
        for line in match[4].split(b"\r\n")[:-1]:
            name, _, value = line.partition(b":")
            name, value = name.lower(), value.strip(b" \t")
            fields[name] = fields[name] + b", " + value if name in fields else value
        target = match[2]
        # RFC 9112 §3.2.2: clients send an absolute target to a server that they take for a proxy.
        if not target.startswith(b"/") and (absolute := _ABSOLUTE.fullmatch(target)) is not None:
            fields[b"host"] = absolute[1]
            target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
        return cls(match[1], target, match[3], fields)

    @classmethod
    def parse_with_key(cls, data: bytes) -> tuple["Head | None", bytes]:
        """As `parse`, and return the key of a WebSocket, too: an empty one unless there is one, which is valid.

        Handshakes of a crowd differ in their keys alone: the rest is parsed once, and has no key among its fields.
        """
        if (line := _KEY_LINE.search(data)) is not None:
            rest = data[: line.start()] + data[line.end() :]
            head = _parse_shared(rest) if len(rest) <= _MAX_SHARED_BYTES else cls.parse(rest)
            if head is not None and head.is_handshake:
                return head, b"" if b"sec-websocket-key" in head.fields else line[1]
        return cls.parse(data), b""

    def get(self, name: bytes) -> str:
        """Return the value of a field; "" without it."""
        return self.fields.get(name, b"").decode("latin-1")

    @cached_property
    def path(self) -> str:
        """The path of the target, decoded."""
        return unquote(self.target.partition(b"?")[0].decode())

    @cached_property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The pairs of the target's query."""
        return tuple(parse_qsl(self.target.partition(b"?")[2].decode(), keep_blank_values=True))

    @cached_property
    def subprotocols(self) -> tuple[str, ...]:
        """Those that the client offers."""
        items = self.get(b"sec-websocket-protocol").split(",")
        return tuple(item.strip() for item in items if item.strip())

    @cached_property
    def is_handshake(self) -> bool:
        """True where a WebSocket is asked for (RFC 6455 §4.2.1), with nothing that another parser should refuse."""
        fields = self.fields
        return (
            fields.get(b"upgrade", b"").lower() == b"websocket"
            and self.method == b"GET"
            and self.version == b"1"
            and b"," not in fields.get(b"host", b",")
            and fields.get(b"content-length", b"0") == b"0"
            and b"transfer-encoding" not in fields
            and "upgrade" in self.get(b"connection").lower().replace(" ", "").split(",")
        )

    def encode(self) -> bytes:
        """Return the head as text."""
        lines = b"".join(b"%b: %b\r\n" % field for field in self.fields.items())
        return b"%b %b HTTP/1.%b\r\n%b\r\n" % (self.method, self.target, self.version, lines)


_parse_shared = lru_cache(_MAX_SHARED)(Head.parse)


def encode_response(response: Response, fields: Iterable[tuple[bytes, bytes]], with_body: bool = True) -> bytes:
    """Return the text of a response after which the connection is closed. `fields`: those of every response."""
    line = b"HTTP/1.1 %d %b\r\n" % (response.status_code, HTTPStatus(response.status_code).phrase.encode())
    fields = (*response.raw_headers, *fields, (b"connection", b"close"))
    body = bytes(response.body) if with_body else b""
    return b"%b%b\r\n%b" % (line, b"".join(b"%b: %b\r\n" % field for field in fields), body)
