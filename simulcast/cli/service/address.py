"""The address of a service elsewhere: the base of its REST API, and its WebSocket."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from simulcast.errors import CommandError
from simulcast.gateway.address import ServerAddress
from simulcast.store.url import redacted_url

EXAMPLE = "https://host, https://host/sub or http://localhost:8080"
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """`websocket`: its URL, which may hold secrets. `base`: the path of the REST API, without a slash at its end.

    `str(address)` is fit to be printed: without user name, password and query.
    """

    websocket: ServerAddress = field(repr=False)
    base: str

    @classmethod
    def parse(cls, url: str) -> "ServiceAddress":
        """Parse the address of a page or of a WebSocket. Raises CommandError, which shows no secret."""
        place = f"--url {redacted_url(url)}"
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:  # its text may show a part of the password
            raise CommandError(f"{place} is no address of a service: its host or port is not valid") from None
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise CommandError(f"{place} is no address of a service: it looks like {EXAMPLE}")
        if "@" in parts.path:
            raise CommandError(f"{place} has a path with an @: in a password, / is %2F, ? is %3F and # is %23")
        path = parts.path.rstrip("/").removesuffix("/ws") + "/ws" if parts.scheme.startswith("http") else parts.path
        try:
            websocket = ServerAddress(urlunsplit(parts._replace(scheme=_SCHEMES[parts.scheme], path=path)))
        except ValueError as error:
            raise CommandError(f"{place}: {error}") from None
        return cls(websocket, path.rstrip("/").rpartition("/")[0])

    def __str__(self) -> str:
        scheme, _, rest = str(self.websocket).partition("://")
        authority = rest.partition("/")[0]
        return f"{'https' if scheme == 'wss' else 'http'}://{authority}{self.base}"
