"""A client's request for a WebSocket, which is accepted or refused once (RFC 6455 §4.2)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from starlette.responses import JSONResponse
from starlette.types import Scope
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from simulcast.frontend.transport.head import Head, encode_response
from simulcast.frontend.transport.websocket import WebSocketConnection

_KEY = re.compile(rb"[+/0-9A-Za-z]{22}==")  # 16 bytes in base64
_DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
)


@dataclass(eq=False, slots=True)
class Handshake:
    """`client`: the address that a trusted proxy names, else that of the peer. `fields`: those of every response.

    `is_secure`: the client reaches a proxy by TLS. `compresses`: the server may compress.
    """

    connection: WebSocketConnection
    head: Head
    client: str | None
    is_secure: bool
    compresses: bool
    fields: Sequence[tuple[bytes, bytes]]

    @property
    def path(self) -> str:
        """The path, without the query."""
        return unquote(self.head.target.partition(b"?")[0].decode())

    @property
    def query(self) -> list[tuple[str, str]]:
        """The pairs of the query."""
        return parse_qsl(self.head.target.partition(b"?")[2].decode(), keep_blank_values=True)

    @property
    def subprotocols(self) -> list[str]:
        """Those that the client offers."""
        return self.head.names(b"sec-websocket-protocol")

    @property
    def scheme(self) -> str:
        """As the client has it: ws or wss."""
        return "wss" if self.is_secure else "ws"

    @property
    def port(self) -> int:
        """The server's own; 0 where it has none."""
        address = self.connection.transport.get_extra_info("sockname")
        return int(address[1]) if isinstance(address, tuple) else 0

    def scope(self) -> Scope:
        """Return the request as ASGI describes it, for the application's decision about the client."""
        path, _, query = self.head.target.partition(b"?")
        return {
            "type": "websocket",
            "http_version": "1.1",
            "scheme": self.scheme,
            "client": (self.client, 0) if self.client is not None else None,
            "root_path": "",
            "path": self.path,
            "raw_path": path,
            "query_string": query,
            "headers": list(self.head.fields.items()),
            "subprotocols": self.subprotocols,
        }

    def serve(self, endpoint: "Endpoint") -> None:
        """Let the endpoint accept or refuse, unless the request is no valid one."""
        if self.head.fields.get(b"sec-websocket-version") != b"13":
            reason = "a WebSocket is opened with sec-websocket-version: 13"
            self.refuse(426, reason, {"upgrade": "websocket", "sec-websocket-version": "13"})
        elif _KEY.fullmatch(self.head.fields.get(b"sec-websocket-key", b"")) is None:
            self.refuse(400, "a WebSocket is opened with one sec-websocket-key, 16 bytes in base64")
        else:
            endpoint(self)

    def accept(self, subprotocol: str | None) -> bool:
        """Open the connection. Return False where the client has left, or has offered extensions in no valid form."""
        if self.connection.transport.is_closing():
            return False
        fields = [(b"Sec-WebSocket-Accept", accept_key(self.head.get(b"sec-websocket-key")).encode()), *self.fields]
        if subprotocol is not None:
            fields.append((b"Sec-WebSocket-Protocol", subprotocol.encode("latin-1")))
        try:
            chosen, extensions = self._negotiate()
        except InvalidHandshake as error:
            self.refuse(400, str(error))
            return False
        if chosen is not None:
            fields.append((b"Sec-WebSocket-Extensions", chosen.encode()))
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        line = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.connection.open(line + lines + b"\r\n", extensions)
        return True

    def _negotiate(self) -> tuple[str | None, Sequence[Extension]]:
        if not self.compresses or b"sec-websocket-extensions" not in self.head.fields:
            return None, ()
        offers = Headers([("Sec-WebSocket-Extensions", self.head.get(b"sec-websocket-extensions"))])
        return ServerProtocol(extensions=[_DEFLATE]).process_extensions(offers)

    def refuse(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Answer with the reason, and close."""
        if not self.connection.transport.is_closing():
            self.connection.reject(encode_response(JSONResponse({"detail": detail}, status, headers), self.fields))


Endpoint = Callable[[Handshake], None]
