"""How many connections there may be, in all and from one address. Counts; does no I/O."""

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable

from uvicorn.middleware.proxy_headers import _TrustedHosts

# Descriptors that this process needs beside its clients'.
RESERVED_FDS = 52  # files, listeners, the loop
FDS_PER_SERVER = 140  # connections to each that serves channels: two pools of 64, one of 8, two of 2
FDS_PER_DISCOVERY_SERVER = 5  # each with a connection of its own to each that is asked who serves
MAX_REJECTING = 8  # connections over the limit that are told so at once; more are cut without a word


class ConnectionLimits:
    """`most`: how many there may be in all now. `most_per_address`: 0 for any number. `proxies`: their addresses and
    networks; what they say of whom they forward is believed."""

    def __init__(self, most: Callable[[], int], most_per_address: int, proxies: Iterable[str]) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._proxies = _TrustedHosts(list(proxies))
        self._by_address: Counter[str] = Counter()
        self.refusing = 0

    @property
    def addresses(self) -> int:
        """How many addresses have connections that count."""
        return len(self._by_address)

    def address_key(self, peer: str | None, forwarded: Iterable[bytes] = ()) -> str:
        """Under what name a connection counts; "" for one that doesn't: this machine's own, and a proxy's by itself.

        `forwarded`: what X-Forwarded-For said. An IPv6 client counts with its /64, in which it may have any address.
        """
        if peer in self._proxies and (named := b",".join(forwarded).decode("latin-1")):
            peer, _ = self._proxies.get_trusted_client_address(named)
        if peer is None or peer in self._proxies:
            return ""
        try:
            found = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return ""
        if isinstance(found, ipaddress.IPv6Address):
            if found.ipv4_mapped is None:
                return "" if found.is_loopback else str(ipaddress.ip_network((found, 64), strict=False))
            found = found.ipv4_mapped
        return "" if found.is_loopback else str(found)

    def enter(self, address_key: str, connections: int) -> tuple[int, str] | None:
        """One more, which counts, or the status and why it is one too many. `connections`: all there are, with it."""
        most = self._most()
        if connections > most:
            return 503, f"this front-end has all the {most:,} connections that its descriptors allow (ulimit -n)"
        if address_key and 0 < self._most_per_address <= self._by_address[address_key]:
            return (
                429,
                f"{address_key} has {self._most_per_address:,} connections already: close some, or come back later",
            )
        if address_key:
            self._by_address[address_key] += 1
        return None

    def leave(self, address_key: str) -> None:
        """One that counted is gone."""
        if address_key:
            self._by_address[address_key] -= 1
            if not self._by_address[address_key]:
                del self._by_address[address_key]


def max_connections(descriptors: int, servers: int, asked: int) -> int:
    """How many of them clients may have: what the process needs for itself, to reach Redis above all, is kept.

    `servers`: how many serve channels; `asked`: how many are asked who does.
    """
    reserved = RESERVED_FDS + FDS_PER_SERVER * servers + FDS_PER_DISCOVERY_SERVER * asked
    return descriptors - min(reserved, descriptors // 2)
