"""One worker serves channels on all shards, and goes on where a shard is away."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from tests.conditions import eventually, retry_while_unavailable, until
from tests.file_server import Files, serve_files
from tests.service import Program, Worker
from tests.topologies import Cluster

CHANNELS = [f"user.{number}" for number in range(9)]
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")).running() as cluster:
        yield cluster


@pytest.fixture
async def jobs(group: Cluster) -> AsyncIterator[Jobs]:
    async with aclosing(Broker.connect(group.url)) as broker, aclosing(Jobs.connect(group.url, broker)) as found:
        yield found


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    async with serve_files() as found:
        found.contents["a.bin"] = b"x" * 1000
        yield found


@pytest.fixture
def worker(group: Cluster, tmp_path: Path, programs: list[Program]) -> Worker:
    program = Worker(group.url, tmp_path / "worker.log", tmp_path / "downloads", SIMULCAST_USER_CHANNELS="user.")
    programs.append(program)
    return program


async def is_complete(jobs: Jobs, channel: str, download_id: str) -> bool:
    record = await retry_while_unavailable(partial(jobs.in_channel(channel).get, download_id))
    return record.state == "complete"


async def test_channels_of_all_shards_are_served_and_none_of_a_shard_that_is_away_holds_up_others(
    group: Cluster, jobs: Jobs, files: Files, worker: Worker, tmp_path: Path
) -> None:
    for node in group.nodes:
        node.set("cluster-require-full-coverage", "no")
    assert {group.serving(channel).port for channel in CHANNELS} == {each.port for each in group.masters()}
    for channel in CHANNELS:
        await jobs.in_channel(channel).submit(files.url("a.bin"), "first")
    for channel in CHANNELS:
        await eventually(partial(is_complete, jobs, channel, "first"), f"the file of {channel}")
        assert (tmp_path / "downloads" / "channels" / channel / "a.bin").exists()
    lost = group.serving(CHANNELS[0])
    away = [channel for channel in CHANNELS if group.serving(channel) is lost]
    here = [channel for channel in CHANNELS if channel not in away]
    replicas = group.replicas(lost)
    for server in (*replicas, lost):
        server.kill()
    for channel in here:
        await jobs.in_channel(channel).submit(files.url("a.bin"), "second")
    for channel in here:
        await eventually(partial(is_complete, jobs, channel, "second"), f"the second file of {channel}")
    for server in (lost, *replicas):
        server.start()
    await until(lambda: group.replicas(lost), "a shard that is whole again")
    for channel in away:
        await retry_while_unavailable(partial(jobs.in_channel(channel).submit, files.url("a.bin"), "third"))
        await eventually(partial(is_complete, jobs, channel, "third"), f"the third file of {channel}")
