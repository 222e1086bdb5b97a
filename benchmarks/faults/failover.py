"""A master dies or hands over, with Sentinels or in a cluster; replicas are cut off before; a slot moves.

The publisher and the front-ends know the Sentinels, or some nodes of the cluster, and nothing else.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from simulcast.names import DEFAULT_CHANNEL
from tests.topologies import Cluster, Group, Sentinels

CUT_OFF_S = 1.5
SPLIT_S = 1.0  # how long a slot lies on both sides


def by(kind: Callable[[Path], Group]) -> Callable[[Stage], AbstractAsyncContextManager[None]]:
    """The stage's servers are such a group."""

    def prepare(stage: Stage) -> AbstractAsyncContextManager[None]:
        stage.group = kind(stage.folder / "group")
        return nullcontext()

    return prepare


def _whole(stage: Stage) -> Group:
    assert stage.group is not None
    stage.group.mend(DEFAULT_CHANNEL)  # what the time before has broken
    return stage.group


async def master_killed(stage: Stage) -> None:
    group = await asyncio.to_thread(_whole, stage)
    await asyncio.to_thread(group.fail_over, DEFAULT_CHANNEL)


async def master_killed_alone(stage: Stage) -> None:
    """What it had acknowledged meanwhile is gone with it."""
    group = await asyncio.to_thread(_whole, stage)
    await asyncio.to_thread(group.cut_off_replicas, group.serving(DEFAULT_CHANNEL))
    await asyncio.sleep(CUT_OFF_S)
    await asyncio.to_thread(group.fail_over, DEFAULT_CHANNEL)


async def handed_over(stage: Stage) -> None:
    group = await asyncio.to_thread(_whole, stage)
    await asyncio.to_thread(group.hand_over, DEFAULT_CHANNEL)


async def slot_moved(stage: Stage) -> None:
    group = await asyncio.to_thread(_whole, stage)
    assert isinstance(group, Cluster)
    source, target = await asyncio.to_thread(group.begin_move, DEFAULT_CHANNEL)
    await asyncio.to_thread(group.move_keys, DEFAULT_CHANNEL, source, target, 3)
    await asyncio.sleep(SPLIT_S)
    await asyncio.to_thread(group.end_move, DEFAULT_CHANNEL, source, target)


SENTINEL_ROWS = (
    Row("sentinel-kill", "Sentinel: the master, `kill -9`", master_killed, by(Sentinels), for_control=False),
    Row(
        "sentinel-cut",
        f"Sentinel: replicas cut off for {CUT_OFF_S} s, then the master, `kill -9`",
        master_killed_alone,
        by(Sentinels),
        for_control=False,
    ),
    Row("sentinel-handover", "`SENTINEL FAILOVER`", handed_over, by(Sentinels), for_control=False),
)
CLUSTER_ROWS = (
    Row("cluster-kill", "cluster: the channel's master, `kill -9`", master_killed, by(Cluster), for_control=False),
    Row(
        "cluster-cut",
        f"cluster: replicas cut off for {CUT_OFF_S} s, then the master, `kill -9`",
        master_killed_alone,
        by(Cluster),
        for_control=False,
    ),
    Row("cluster-move", "cluster: the channel's slot moves, key by key", slot_moved, by(Cluster), for_control=False),
)
