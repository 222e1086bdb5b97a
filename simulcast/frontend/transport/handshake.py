"""A client's request for a WebSocket, which is accepted or refused once (RFC 6455 §4.2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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

_DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
)
_negotiation = ServerProtocol(extensions=[_DEFLATE])


@dataclass(eq=False, slots=True)
class Handshake:
    """`key`: empty without a valid one. `client`: the address that a trusted proxy names, else that of the peer.
    `fields`: those of every response.

    `is_secure`: the client reaches a proxy by TLS. `compresses`: the server may compress.
    """

    connection: WebSocketConnection
    head: Head
    key: bytes
    client: str | None
    is_secure: bool
    compresses: bool
    fields: Sequence[tuple[bytes, bytes]]

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
            "path": self.head.path,
            "raw_path": path,
            "query_string": query,
            "headers": list({**self.head.fields, b"sec-websocket-key": self.key}.items()),
            "subprotocols": list(self.head.subprotocols),
        }

    def serve(self, endpoint: "Endpoint") -> None:
        """Let the endpoint accept or refuse, unless the request is no valid one."""
        if self.head.fields.get(b"sec-websocket-version") != b"13":
            reason = "a WebSocket is opened with sec-websocket-version: 13"
            self.refuse(426, reason, {"upgrade": "websocket", "sec-websocket-version": "13"})
        elif not self.key:
            self.refuse(400, "a WebSocket is opened with one sec-websocket-key, 16 bytes in base64")
        else:
            endpoint(self)
            self.connection.flush()

    def accept(self, subprotocol: str | None) -> bool:
        """Open the connection. Return False where the client has left, or has offered extensions in no valid form."""
        if self.connection.transport.is_closing():
            return False
        fields = [(b"Sec-WebSocket-Accept", accept_key(self.key.decode()).encode()), *self.fields]
        if subprotocol is not None:
            fields.append((b"Sec-WebSocket-Protocol", subprotocol.encode("latin-1")))
        extensions: Sequence[Extension] = ()
        if self.compresses and b"sec-websocket-extensions" in self.head.fields:
            offers = Headers({"Sec-WebSocket-Extensions": self.head.get(b"sec-websocket-extensions")})
            try:
                chosen, extensions = _negotiation.process_extensions(offers)
            except InvalidHandshake as error:
                self.refuse(400, str(error))
                return False
            fields += [(b"Sec-WebSocket-Extensions", chosen.encode())] if chosen else []
        lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
        lines += [b"%b: %b" % field for field in fields]
        self.connection.open(b"\r\n".join(lines) + b"\r\n\r\n", extensions)
        return True

    def refuse(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Answer with the reason, and close."""
        if not self.connection.transport.is_closing():
            self.connection.reject(encode_response(JSONResponse({"detail": detail}, status, headers), self.fields))


Endpoint = Callable[[Handshake], None]
