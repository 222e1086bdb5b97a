"""Refuses handshakes that must not reach the front-end, as the middleware and the routes do: hosts, paths, tokens."""

from collections.abc import Container
from dataclasses import dataclass

from app.access.hosts import check_host
from app.access.middleware import URL_REFUSAL, has_token
from simulcast.frontend.direct_endpoint import refuse
from simulcast.frontend.transport.handshake import Endpoint, Handshake


@dataclass(frozen=True, slots=True)
class HandshakeFilter:
    """Lets the others reach `endpoint`. `root_path`: as uvicorn has it. `admin_port`: 0 without one."""

    endpoint: Endpoint
    allowed_hosts: Container[str]
    root_path: str
    admin_port: int

    def __call__(self, handshake: Handshake) -> None:
        head = handshake.head
        path = f"/{handshake.path.lstrip('/')}"  # a proxy whose target ends in a slash adds one
        if has_token(head.target.partition(b"?")[2]):
            refuse(handshake, 400, URL_REFUSAL)
        elif reason := check_host(head.get(b"host"), self.allowed_hosts):
            refuse(handshake, 421, reason)
        elif self.admin_port and handshake.port == self.admin_port:
            refuse(handshake, 404, "the admin port has no WebSocket")
        elif path not in ("/ws", "/ws/"):
            path = f"{self.root_path}{path}"[:100]
            refuse(handshake, 404, f"{path} has no WebSocket: that is at {self.root_path}/ws")
        else:
            self.endpoint(handshake)
