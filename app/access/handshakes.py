"""Refuses handshakes that must not reach the front-end, as the middleware and the routes do: hosts, paths, tokens."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from app.access.hosts import check_host
from app.access.middleware import URL_REFUSAL, has_token
from simulcast.frontend.direct_endpoint import refuse
from simulcast.frontend.transport.handshake import Endpoint, Handshake


@dataclass(frozen=True, slots=True)
class HandshakeFilter:
    """Lets the others reach `endpoint`. `root_path`: as uvicorn has it. `admin_port`: 0 without one."""

    endpoint: Endpoint
    allowed_hosts: frozenset[str]
    root_path: str
    admin_port: int

    def __call__(self, handshake: Handshake) -> None:
        head = handshake.head
        refusal = _judge(head.target, head.fields.get(b"host", b""), self.allowed_hosts, self.root_path)
        if self.admin_port and handshake.port == self.admin_port:
            refuse(handshake, 404, "the admin port has no WebSocket")
        elif refusal is not None:
            refuse(handshake, *refusal)
        else:
            self.endpoint(handshake)


@lru_cache(maxsize=256)
def _judge(target: bytes, host: bytes, allowed_hosts: frozenset[str], root_path: str) -> tuple[int, str] | None:
    """Return the status and the reason of a refusal, or None."""
    encoded, _, query = target.partition(b"?")
    path = f"/{unquote(encoded.decode()).lstrip('/')}"  # a proxy whose target ends in a slash adds one
    if has_token(query):
        return 400, URL_REFUSAL
    if reason := check_host(host.decode("latin-1"), allowed_hosts):
        return 421, reason
    if path not in ("/ws", "/ws/"):
        return 404, f"{f'{root_path}{path}'[:100]} has no WebSocket: that is at {root_path}/ws"
    return None
