"""The reverse proxies that are trusted, and the address of a client behind them. Decides; does no I/O."""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from simulcast.model.ip_address import parse_ip_address

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([^:]*):[0-9]+")
_MAX_ADDRESS_CHARS = 64


class Proxies:
    """Addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Raises ValueError for a text that is none of both."""
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]
        self._includes = lru_cache(maxsize=1024)(self._look_up)

    def __contains__(self, host: str | None) -> bool:
        return host is not None and len(host) <= _MAX_ADDRESS_CHARS and self._includes(host)

    def _look_up(self, host: str) -> bool:
        address = parse_ip_address(host)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str | None, forwarded: str) -> str | None:
        """Return the client's address: the last one of X-Forwarded-For that is no proxy's, if a proxy sent that.

        `forwarded`: its value; "" without it.
        """
        if not forwarded or peer not in self:
            return peer
        hosts = [_without_port(text.strip()) for text in forwarded.split(",")]
        return next((host for host in reversed(hosts) if host not in self), hosts[0])

    def is_secure(self, peer: str | None, forwarded: str) -> bool:
        """Return whether the client reaches a proxy by TLS. `forwarded`: the value of X-Forwarded-Proto."""
        return forwarded in ("https", "wss") and peer in self


def _without_port(text: str) -> str:
    match = _WITH_PORT.fullmatch(text)
    return text if match is None else match[1] or match[2] or ""
