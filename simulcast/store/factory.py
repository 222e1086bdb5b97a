"""From REDIS_URL to the servers that it names."""

from simulcast.store.cluster import Cluster
from simulcast.store.connection import MAX_POOL_CONNECTIONS, connect
from simulcast.store.sentinel import Sentinel
from simulcast.store.topology import Topology
from simulcast.store.url import parse


def topology_from_url(url: str, max_connections: int = MAX_POOL_CONNECTIONS) -> Topology:
    """What the address names; nothing is sent yet. `most_connections`: to each server.

    Raises ValueError for an address of no known form.
    """
    address = parse(url)
    if address.kind == "sentinel":
        return Sentinel(address, max_connections)
    if address.kind == "cluster":
        return Cluster(address, max_connections)
    return Topology(connect(url, max_connections))
