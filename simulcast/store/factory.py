"""From REDIS_URL to the servers that it names."""

from simulcast.store.cluster import Cluster
from simulcast.store.connection import MOST_CONNECTIONS, connect
from simulcast.store.sentinel import Sentinel
from simulcast.store.topology import Topology
from simulcast.store.url import parsed


def reach(url: str, most_connections: int = MOST_CONNECTIONS) -> Topology:
    """What the address names; nothing is sent yet. `most_connections`: to each server.

    Raises ValueError for an address of no known form.
    """
    address = parsed(url)
    if address.kind == "sentinel":
        return Sentinel(address, most_connections)
    if address.kind == "cluster":
        return Cluster(address, most_connections)
    return Topology(connect(url, most_connections))
