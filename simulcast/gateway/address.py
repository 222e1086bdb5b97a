"""The address of the server: its WebSocket URL, and `/health` next to it."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.exceptions import InvalidURI
from websockets.headers import build_authorization_basic, build_host
from websockets.uri import parse_uri

from simulcast.gateway.checks import check_host


class ServerAddress:
    """A checked `ws://` or `wss://` URL.

    `uri`: its parts. `str(address)` is for logs: without user name, password and query, which may hold secrets.
    """

    def __init__(self, url: str) -> None:
        """Raises ValueError that names the mistake, such as the scheme, and TypeError for what is no text."""
        if not isinstance(url, str):
            raise TypeError(f"a Gateway's url is text, not {type(url).__name__}")
        scheme = urlsplit(url).scheme
        if scheme not in ("ws", "wss"):
            raise ValueError(f"a Gateway's url begins with ws:// or wss://, not with the scheme {scheme!r}")
        try:
            self.uri = parse_uri(url)
        except InvalidURI as error:
            raise ValueError(f"a Gateway can't use this url: {error.msg}") from None
        self.url = url

    @classmethod
    def from_host(cls, host: str, port: int) -> "ServerAddress":
        """Make `ws://localhost:8080/ws` of `("localhost", 8080)`; an IPv6 address comes without brackets.

        Raises ValueError for others.
        """
        check_host(host, port)
        return cls(f"ws://{f'[{host}]' if ':' in host else host}:{port}/ws")

    def __str__(self) -> str:
        scheme = "wss" if self.uri.secure else "ws"
        return f"{scheme}://{self._authority()}{self.uri.path}"

    @property
    def is_this_machine(self) -> bool:
        """True for this machine, which no proxy of the environment can reach."""
        try:
            return self.uri.host == "localhost" or ipaddress.ip_address(self.uri.host).is_loopback
        except ValueError:
            return False

    def resuming_after(self, event_id: str | None, channels: Sequence[str] = ()) -> str:
        """Return the URL with `since=<event_id>` and `channels` in place of its own. The rest is kept."""
        replaced = {"since": [event_id] if event_id else [], "channel": channels}
        names = tuple(f"{name}=" for name, values in replaced.items() if values)
        if not names:
            return self.url
        parts = urlsplit(self.url)
        pairs = [pair for pair in parts.query.split("&") if pair and not pair.startswith(names)]
        # ":" and "," need no escape (RFC 3986 §3.4), and servers and proxies bound the length of a URL.
        pairs += [f"{name}={quote(value, safe=':,')}" for name, values in replaced.items() for value in values]
        return urlunsplit(parts._replace(query="&".join(pairs)))

    def health_request(self) -> bytes:
        """Return an HTTP/1.1 request for `/health` next to the WebSocket's path: `/base/ws` → `/base/health`."""
        folder = self.uri.path.rstrip("/").rpartition("/")[0]
        lines = [
            f"GET {folder}/health HTTP/1.1",
            f"Host: {self._authority()}",
            "Connection: close",
        ]
        if self.uri.user_info is not None:
            lines.append(f"Authorization: {build_authorization_basic(*self.uri.user_info)}")
        return "\r\n".join([*lines, "", ""]).encode()

    def _authority(self) -> str:
        return build_host(self.uri.host, self.uri.port, self.uri.secure)
