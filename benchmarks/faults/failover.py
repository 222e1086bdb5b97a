"""A master dies or hands over, with Sentinels or in a cluster; replicas are cut off before; a slot moves.

The publisher and the front-ends know the Sentinels, or some nodes of the cluster, and nothing else.
"""

import asyncio
from collections.abc import Mapping

from benchmarks.faults.row import Fault, Row
from benchmarks.faults.stage import Stage
from benchmarks.faults.topology import Topology
from simulcast.model.channel import DEFAULT_CHANNEL
from tests.topologies import Cluster, Group

CUT_OFF_S = 1.5
SPLIT_S = 1.0  # how long a slot lies on both sides
NO_OTHER = "a server alone has no other one that could take over"
NOT_WITH_SENTINELS: Mapping[Topology, str] = {"single": NO_OTHER, "sentinel": "a row of the cluster"}
NOT_IN_A_CLUSTER: Mapping[Topology, str] = {"single": NO_OTHER, "cluster": "a row of the Sentinels"}


def _group(stage: Stage) -> Group:
    assert stage.group is not None
    return stage.group


async def master_killed(stage: Stage) -> None:
    await asyncio.to_thread(_group(stage).fail_over, DEFAULT_CHANNEL)


async def master_killed_alone(stage: Stage) -> None:
    """What it had acknowledged meanwhile is gone with it."""
    await asyncio.to_thread(_group(stage).cut_off_replicas, stage.server)
    await asyncio.sleep(CUT_OFF_S)
    await asyncio.to_thread(_group(stage).fail_over, DEFAULT_CHANNEL)


async def handed_over(stage: Stage) -> None:
    await asyncio.to_thread(_group(stage).hand_over, DEFAULT_CHANNEL)


async def slot_moved(stage: Stage) -> None:
    group = _group(stage)
    assert isinstance(group, Cluster)
    source, target = await asyncio.to_thread(group.begin_move, DEFAULT_CHANNEL)
    await asyncio.to_thread(group.move_keys, DEFAULT_CHANNEL, source, target, 3)
    await asyncio.sleep(SPLIT_S)
    await asyncio.to_thread(group.end_move, DEFAULT_CHANNEL, source, target)


def _with_sentinels(name: str, title: str, fault: Fault) -> Row:
    return Row(name, title, fault, for_control=False, not_on=NOT_IN_A_CLUSTER, fails_over=["sentinel"])


def _in_a_cluster(name: str, title: str, fault: Fault) -> Row:
    return Row(name, title, fault, for_control=False, not_on=NOT_WITH_SENTINELS, fails_over=["cluster"])


SENTINEL_ROWS = (
    _with_sentinels("sentinel-kill", "Sentinel: the master, `kill -9`", master_killed),
    _with_sentinels(
        "sentinel-cut", f"Sentinel: replicas cut off for {CUT_OFF_S} s, then the master, `kill -9`", master_killed_alone
    ),
    _with_sentinels("sentinel-handover", "`SENTINEL FAILOVER`", handed_over),
)
CLUSTER_ROWS = (
    _in_a_cluster("cluster-kill", "cluster: the channel's master, `kill -9`", master_killed),
    _in_a_cluster(
        "cluster-cut", f"cluster: replicas cut off for {CUT_OFF_S} s, then the master, `kill -9`", master_killed_alone
    ),
    _in_a_cluster("cluster-handover", "cluster: `CLUSTER FAILOVER`", handed_over),
    _in_a_cluster("cluster-move", "cluster: the channel's slot moves, key by key", slot_moved),
)
