"""From REDIS_URL to the servers that it names."""

from simulcast.address import parsed
from simulcast.cluster import Cluster
from simulcast.connection import MOST_CONNECTIONS, connect
from simulcast.sentinel import Sentinel
from simulcast.topology import Topology


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
