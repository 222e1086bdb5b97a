"""An issuer's key set at an address, which a test changes, slows down or takes away."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt


def jwk(private: Any, key_id: str = "", **members: object) -> dict[str, object]:
    """Return a private key's public one as a JWK."""
    names = {"rsa": "RS256", "ec": "ES256", "ed25519": "EdDSA"}
    algorithm = jwt.get_algorithm_by_name(next(names[part] for part in names if part in type(private).__module__))
    found: dict[str, object] = algorithm.to_jwk(private.public_key(), as_dict=True)
    return found | ({"kid": key_id} if key_id else {}) | members


class KeyServer:
    """`body`: the answer; `status`: of it. `requests`: how many came."""

    def __init__(self) -> None:
        self.body, self.status, self.requests = b'{"keys":[]}', 200, 0
        self.headers = {"content-type": "application/json"}
        self.scheme, self.port = "http", 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/keys"

    def publish(self, *keys: dict[str, object]) -> None:
        self.body, self.status = json.dumps({"keys": keys}).encode(), 200


@contextmanager
def key_server(tls: ssl.SSLContext | None = None) -> Iterator[KeyServer]:
    """Serve a key set, at first an empty one."""
    server = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests += 1
            self.send_response(server.status)
            self.send_header("content-length", str(len(server.body)))
            for header in server.headers.items():
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.port = http.server_address[1]
        if tls is not None:
            http.socket, server.scheme = tls.wrap_socket(http.socket, server_side=True), "https"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
