"""What only a cluster does: slots that move, channels on several shards, Pub/Sub that a shard keeps to itself."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.file_limits import raise_limit
from simulcast.gateway import Gateway
from simulcast.jobs import Jobs, Lease
from simulcast.model.channel import ChannelNames
from simulcast.model.events import complete_event
from tests.conditions import retry_while_unavailable, until
from tests.jobs import claim_job
from tests.service import FrontEnd, Program, collect
from tests.topologies import Cluster
from tests.topology.conftest import Load, ReconnectingClient, assert_all_received

CHANNEL = "downloads"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for all tests here: a test that breaks it mends it."""
    with Cluster(tmp_path_factory.mktemp("cluster")).running() as cluster:
        yield cluster


@pytest.mark.parametrize("kind", ["hostname", "unknown-endpoint"])
async def test_servers_that_name_no_host_are_found_where_they_were_asked(group: Cluster, kind: str) -> None:
    for server in group.nodes:
        server.set("cluster-preferred-endpoint-type", kind)
    try:
        broker = Broker.connect(group.url)
        for channel in ("a", "b", "c", "d", CHANNEL):
            assert await broker.publish({"type": "n"}, channel) is not None
        await broker.aclose()
    finally:
        for server in group.nodes:
            server.set("cluster-preferred-endpoint-type", "ip")


async def test_a_slot_that_moves_key_by_key_under_load_costs_nothing(
    group: Cluster, running: FrontEnd, reconnecting_client: ReconnectingClient, load: Load
) -> None:
    await load.more()
    source, target = group.begin_move(CHANNEL)
    group.move_keys(CHANNEL, source, target, most=3)
    before = len(load.acknowledged)
    await asyncio.sleep(0.2)  # calls are made meanwhile, and wait
    assert len(load.acknowledged) <= before + 1  # the one that was under way
    group.end_move(CHANNEL, source, target)
    await load.more()
    await assert_all_received(reconnecting_client, load)
    await running.ready()


async def test_a_replica_that_takes_over_in_good_order_under_load_costs_nothing(
    group: Cluster, running: FrontEnd, reconnecting_client: ReconnectingClient, load: Load
) -> None:
    await load.more()
    group.hand_over(CHANNEL)
    await load.more()
    await assert_all_received(reconnecting_client, load)
    await running.ready()


async def test_a_slot_that_moves_as_a_whole_under_load_costs_nothing(
    group: Cluster, reconnecting_client: ReconnectingClient, load: Load
) -> None:
    await load.more()
    target = group.move_as_a_whole(CHANNEL)
    await until(lambda: group.serving(CHANNEL) is target, "a slot that has moved")
    await load.more()
    await assert_all_received(reconnecting_client, load)


async def test_no_function_is_carried_out_in_half_while_a_slot_moves(group: Cluster, jobs: Jobs) -> None:
    ended = await submit_and_claim(jobs)
    await jobs.finish(ended, "complete", {})
    await submit_and_claim(jobs)
    record = await jobs.submit("http://example.com/a")  # now every key exists that a function of jobs names
    source, target = group.begin_move(CHANNEL)
    group.move_key(f"{{simulcast:{CHANNEL}}}:job:{record.download_id}", source, target)
    for _ in range(3):
        with pytest.raises(BrokerUnavailable, match="the slot is being migrated"):
            await jobs.claim("host:1", 60)
    group.end_move(CHANNEL, source, target)
    claim = await retry_while_unavailable(lambda: jobs.claim("host:1", 60))
    assert claim is not None and claim.record.download_id == record.download_id


async def test_a_shard_that_is_away_silences_only_its_own_channels(
    group: Cluster, running: FrontEnd, publisher: Broker
) -> None:
    for each in group.nodes:
        each.set("cluster-require-full-coverage", "no")
    here = "here"
    other = next(str(n) for n in range(1000) if group.serving(str(n)) is not group.serving(here))
    master, replicas = group.serving(other), group.replicas(group.serving(other))
    told: list[dict[str, object]] = []
    url = f"ws://127.0.0.1:{running.port}/ws?channel={here}&channel={other}"
    async with Gateway(url=url, on_websocket_message=lambda text: told.append(json.loads(text))) as gateway:
        await until(lambda: gateway.is_websocket_connected, "a client that is connected")
        await publisher.publish({"n": 1}, other)
        await publisher.publish({"n": 2}, here)
        await until(lambda: len(told) == 2, "an event of each channel")
        for lost in (*replicas, master):
            lost.kill()
        for n in range(3, 13):
            await publisher.publish({"n": n}, here)
            await until(partial(_is_last, told, n), "an event of the shard that is left")
        assert gateway.is_websocket_connected
        for lost in (master, *replicas):
            lost.start()
        await publisher.publish({"n": 13}, other)
        await until(partial(_is_last, told, 13), "an event of the shard that is back")
    await until(lambda: group.replicas(master), "a shard that is whole again")


def _is_last(told: list[dict[str, object]], n: int) -> bool:
    return told[-1]["n"] == n


async def test_channels_of_every_shard_reach_the_clients_of_one_front_end(
    group: Cluster, running: FrontEnd, publisher: Broker
) -> None:
    channels = [f"c{n}" for n in range(9)]
    assert {group.serving(channel).port for channel in channels} == {each.port for each in group.masters()}
    told: list[dict[str, object]] = []
    url = f"ws://127.0.0.1:{running.port}/ws?" + "&".join(f"channel={channel}" for channel in channels)
    async with Gateway(url=url, on_websocket_message=lambda text: told.append(json.loads(text))) as gateway:
        await until(lambda: gateway.is_websocket_connected, "a client that is connected")
        await asyncio.gather(*(publisher.publish(complete_event("a", "/x"), channel) for channel in channels))
        await until(lambda: {each["channel"] for each in told} == set(channels), "an event of each channel")
        heads = [await publisher.head(channel) for channel in channels]
    assert [head.position.offset for head in heads] == [1] * len(channels)


class RoomyFrontEnd(FrontEnd):
    descriptors = 1040  # a shard more would leave half of them


async def test_a_front_end_keeps_descriptors_for_each_shard(
    group: Cluster, tmp_path: Path, programs: list[Program]
) -> None:
    running = RoomyFrontEnd(group.url, tmp_path / "limited.log")
    programs.append(running)
    await running.ready()
    room = running.descriptors - 60 - 140 * len(group.masters()) - 5 * len(group.nodes)  # docs/limits.md
    assert room > running.descriptors // 2
    raise_limit()  # of this process, for as many clients
    held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(room)]
    status, said = await running.get("/downloads")
    for _, writer in held:
        writer.close()
    assert (status, f"all the {room} connections" in str(said)) == (503, True)


async def test_of_two_channels_of_a_shard_one_moves_and_both_are_told(
    group: Cluster, running: FrontEnd, publisher: Broker
) -> None:
    moves = "moves"
    stays = next(name for n in range(1000) if group.serving(name := f"stays{n}") is group.serving(moves))
    told: list[dict[str, object]] = []
    url = f"ws://127.0.0.1:{running.port}/ws?channel={moves}&channel={stays}"
    async with Gateway(url=url, on_websocket_message=lambda text: told.append(json.loads(text))) as gateway:
        await until(lambda: gateway.is_websocket_connected, "a client that is connected")
        await asyncio.gather(*(publisher.publish({"n": 1}, channel) for channel in (moves, stays)))
        await until(lambda: len(told) == 2, "an event of each channel")
        source, target = group.begin_move(moves)
        group.end_move(moves, source, target)
        await asyncio.gather(*(publisher.publish({"n": 2}, channel) for channel in (moves, stays)))
        await until(lambda: len(told) == 4, "another event of each channel")
    assert {str(each["channel"]) for each in told[2:]} == {moves, stays}


async def test_what_a_broker_publishes_stays_within_its_shard(group: Cluster, publisher: Broker) -> None:
    other = next(each for each in group.masters() if each is not group.serving(CHANNEL))
    with other.admin() as client, client.pubsub() as heard:
        heard.subscribe(f"simulcast:{CHANNEL}")
        assert heard.get_message(timeout=5) is not None
        await publisher.publish(complete_event("a", "/x"))
        client.publish(f"simulcast:{CHANNEL}", "the end")
        message = heard.get_message(timeout=5)
    assert message is not None and message["data"] == b"the end"


async def test_a_plain_publish_at_any_node_reaches_clients(
    group: Cluster, running: FrontEnd, publisher: Broker
) -> None:
    await publisher.publish(complete_event("a", "/x"), "foreign")
    connection = await running.connect("?channel=foreign")
    await collect(connection, "download_complete")
    for number, node in enumerate(group.nodes):
        with node.admin() as client:
            client.publish("simulcast:foreign", f'{{"n":{number}}}')
        assert json.loads(await connection.recv())["n"] == number
    await connection.close()


async def test_workers_hear_of_a_download_at_whichever_node_they_listen(group: Cluster, jobs: Jobs) -> None:
    with ExitStack() as stack:
        heard = [stack.enter_context(stack.enter_context(node.admin()).pubsub()) for node in group.nodes]
        for each in heard:
            each.subscribe(ChannelNames().wake)
            assert each.get_message(timeout=5) is not None
        record = await jobs.submit("http://example.com/a")
        woken = [each.get_message(timeout=5) for each in heard]
    assert [message and message["data"].decode() for message in woken] == [record.download_id] * len(group.nodes)


async def submit_and_claim(jobs: Jobs) -> Lease:
    await jobs.submit("http://example.com/b")
    return await claim_job(jobs, lease_s=60)
