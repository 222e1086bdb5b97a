"""The limits on connections, in all and from one address. Counts; does no I/O."""

from collections import Counter
from collections.abc import Callable, Iterable

from app.server.proxies import Proxies
from simulcast.frontend.subscriptions.address import address_key

# Descriptors that this process needs besides those of its clients.
RESERVED_FDS = 60  # files, listeners, the loop
FDS_PER_SERVER = 140  # connections to each server of channels: two pools of 64, one of 8, two of 2
FDS_PER_DISCOVERY_SERVER = 5  # each pool has a connection to each server that is asked for the others
MAX_REJECTING = 8  # connections over the limit that get the reason simultaneously; further ones are cut


class ConnectionLimits:
    """Decides on each new connection."""

    def __init__(self, max_connections: Callable[[], int], max_per_address: int, proxies: Iterable[str]) -> None:
        """`max_connections`: in all, now. `max_per_address`: 0 for any number. `proxies`: addresses and networks of
        proxies whose X-Forwarded-For is believed."""
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self.proxies = Proxies(proxies)
        self._by_address: Counter[str] = Counter()
        self.rejecting = 0  # connections over the limit that are about to get the reason

    @property
    def addresses(self) -> int:
        """The number of addresses that have connections that count."""
        return len(self._by_address)

    def address_key(self, peer: str | None, forwarded: str = "") -> str:
        """Return the key under which a connection counts; "" for this machine's own ones and those of a proxy itself.

        `forwarded`: the value of X-Forwarded-For.
        """
        client = self.proxies.client(peer, forwarded)
        return "" if client in self.proxies else address_key(client)

    def enter(self, address_key: str, connections: int) -> tuple[int, str] | None:
        """Count one more, or return the status and the reason of its rejection. `connections`: all, including it."""
        limit = self._max_connections()
        if connections > limit:
            return 503, f"this front-end has all the {limit:,} connections that its descriptors allow (ulimit -n)"
        if address_key and 0 < self._max_per_address <= self._by_address[address_key]:
            return (
                429,
                f"{address_key} has {self._max_per_address:,} connections already: close some, or come back later",
            )
        if address_key:
            self._by_address[address_key] += 1
        return None

    def leave(self, address_key: str) -> None:
        """Count one less."""
        if address_key:
            self._by_address[address_key] -= 1
            if not self._by_address[address_key]:
                del self._by_address[address_key]


def max_connections(descriptors: int, servers: int, discovery_servers: int) -> int:
    """Return how many clients the descriptors allow. The process keeps those that it needs, above all to reach Redis.

    `servers`: of channels; `discovery_servers`: those that are asked which ones serve.
    """
    reserved = RESERVED_FDS + FDS_PER_SERVER * servers + FDS_PER_DISCOVERY_SERVER * discovery_servers
    return descriptors - min(reserved, descriptors // 2)
