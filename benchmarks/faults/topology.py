"""On which servers rows are played."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from tests.topologies import Cluster, Group, Sentinels

Topology = Literal["single", "sentinel", "cluster"]
TOPOLOGIES: tuple[Topology, ...] = get_args(Topology)
GROUPS: Mapping[Topology, Callable[[Path], Group]] = {"sentinel": Sentinels, "cluster": Cluster}
TITLES: Mapping[Topology, str] = {
    "single": "One server",
    "sentinel": "A master, two replicas, three Sentinels",
    "cluster": "A cluster of three masters, each with a replica",
}
