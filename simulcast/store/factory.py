"""The topology that REDIS_URL names."""

from simulcast.store.cluster import Cluster
from simulcast.store.connection import MAX_POOL_CONNECTIONS, connect
from simulcast.store.sentinel import Sentinel
from simulcast.store.topology import Topology
from simulcast.store.url import parse


def topology_from_url(url: str, max_connections: int = MAX_POOL_CONNECTIONS) -> Topology:
    """Return the topology of a URL; sends nothing yet. Raises ValueError for a URL of no known form.

    `max_connections`: to each server.
    """
    address = parse(url)
    if address.kind == "sentinel":
        return Sentinel(address, max_connections)
    if address.kind == "cluster":
        return Cluster(address, max_connections)
    return Topology(connect(address.url, max_connections), address.prefix)
