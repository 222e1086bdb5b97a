"""Changes of state wait for a replica, where there are replicas."""

import asyncio
import json
import signal
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.model.channel import ChannelNames
from simulcast.model.events import complete_event
from simulcast.store import sender
from tests.conditions import eventually, until
from tests.ports import free_port
from tests.topologies import Group, Sentinels

pytestmark = pytest.mark.long


@pytest.fixture(params=["sentinels", "cluster"])
def replicated(request: pytest.FixtureRequest) -> Group:
    """Servers with replicas, which the test leaves alive."""
    group: Group = request.getfixturevalue(request.param)
    return group


async def test_an_end_is_answered_once_a_replica_has_it(
    replicated: Group, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "REPLICA_WAIT_MS", 2500)
    broker = Broker.connect(replicated.url)
    await broker.publish(complete_event("first", "/x"), channel)
    master = replicated.serving(channel)
    replicas = replicated.replicas(master)
    for each in replicas:
        each.signal(signal.SIGSTOP)
    publishing = asyncio.create_task(broker.publish(complete_event("second", "/x"), channel))
    with master.admin() as client:
        await until(lambda: client.xlen(ChannelNames(channel).history) == 2, "an event that the master has")
    assert not publishing.done()
    for each in replicas:
        each.signal(signal.SIGCONT)
    async with asyncio.timeout(20):
        assert await publishing is not None
    assert not broker.sender(channel)._unreplicated
    await broker.aclose()


async def test_whatever_was_answered_while_replicas_were_cut_off_is_told_to_the_one_that_takes_over(
    tmp_path: Path, channel: str
) -> None:
    with Sentinels(tmp_path).running() as group:
        broker = Broker.connect(group.url)
        await broker.publish(complete_event("first", "/x"), channel)
        group.cut_off_replicas(group.serving())
        many = range(2500)
        async with asyncio.timeout(20):
            await asyncio.gather(*(broker.publish(complete_event(f"d{n}", "/x"), channel) for n in many))
        await asyncio.to_thread(group.fail_over, channel)

        async def told_again() -> bool:
            with suppress(BrokerUnavailable):
                head = await broker.head(channel)
                told = await broker.tail(head.position, 5000, channel)
                return [each.key for each in told] == [f"d{n}" for n in many]
            return False

        await eventually(told_again, "all of it, in order", 30)
        await broker.aclose()


async def test_what_only_another_replica_had_is_told_to_the_one_that_takes_over(tmp_path: Path, channel: str) -> None:
    with Sentinels(tmp_path).running() as group:
        broker = Broker.connect(group.url)
        await broker.publish(complete_event("first", "/x"), channel)
        master = group.serving()
        lags = group.replicas(master)[0]
        with lags.admin() as client:
            client.replicaof("127.0.0.1", str(free_port()))
        async with asyncio.timeout(20):
            await broker.publish(complete_event("second", "/x"), channel)
        assert not broker.sender(channel)._unreplicated
        with lags.admin() as client:
            client.execute_command("REPLICAOF NO ONE")
        group.name(lags)

        async def told_again() -> bool:
            with suppress(BrokerUnavailable, redis.RedisError), lags.admin() as client:
                rows = client.xrange(ChannelNames(channel).history)
                return b"second" in rows[-1][1][b"e"]
            return False

        await eventually(told_again, "what the other one had", 30)
        await broker.aclose()


async def test_a_publisher_that_closes_stays_until_a_replica_has_what_it_published(
    sentinels: Sentinels, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "CLOSE_TIMEOUT_S", 30.0)
    broker = Broker.connect(sentinels.url)
    await broker.publish(complete_event("first", "/x"), channel)
    master = sentinels.serving()
    replicas = sentinels.replicas(master)
    for each in replicas:
        each.signal(signal.SIGSTOP)
    async with asyncio.timeout(20):
        await broker.publish(complete_event("last", "/x"), channel)
    kept = broker.sender(channel)._unreplicated
    closing = asyncio.create_task(broker.aclose())
    await asyncio.sleep(0)
    assert kept and not closing.done()
    for each in replicas:
        each.signal(signal.SIGCONT)
    async with asyncio.timeout(20):
        await closing
    assert not kept


async def test_it_does_not_stay_for_ever(sentinels: Sentinels, channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "CLOSE_TIMEOUT_S", 0.1)
    broker = Broker.connect(sentinels.url)
    master = sentinels.serving()
    for each in (replicas := sentinels.replicas(master)):
        each.signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            await broker.publish(complete_event("last", "/x"), channel)
            await broker.aclose()
        with master.admin() as client:
            assert client.xlen(ChannelNames(channel).history) == 1
    finally:
        for each in replicas:
            each.signal(signal.SIGCONT)


async def test_what_no_replica_confirms_is_answered_all_the_same_and_kept_until_one_does(
    sentinels: Sentinels, channel: str
) -> None:
    broker = Broker.connect(sentinels.url)
    await broker.publish(complete_event("first", "/x"), channel)
    kept = broker.sender(channel)._unreplicated
    assert not kept
    master = sentinels.serving()
    sentinels.cut_off_replicas(master)
    async with asyncio.timeout(20):
        await asyncio.gather(*(broker.publish(complete_event(f"d{n}", "/x"), channel) for n in range(60)))
    assert kept
    with master.admin() as client:
        client.execute_command("ACL SETUSER default +psync +sync")
    await until(lambda: not kept, "confirmation by a replica", 30)
    head = await broker.head(channel)
    told = [json.loads(each.payload) for each in await broker.tail(head.position, 100, channel)]
    assert [each["download_id"] for each in told] == ["first", *(f"d{n}" for n in range(60))]
    await broker.aclose()
