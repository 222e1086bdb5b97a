"""Changes of state wait for a replica, where there are replicas."""

import asyncio
import json
import signal

import pytest

from simulcast import sender
from simulcast.broker import Broker
from simulcast.events import complete_event
from simulcast.names import ChannelNames
from tests.conditions import until
from tests.topologies import Group, Sentinels


@pytest.fixture(params=["sentinels", "cluster"])
def group(request: pytest.FixtureRequest) -> Group:
    found: Group = request.getfixturevalue(request.param)
    return found


async def test_an_end_is_answered_once_a_replica_has_it(
    group: Group, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "CONFIRM_MS", 2500)
    broker = Broker.connect(group.url)
    await broker.publish(complete_event("first", "/x"), channel)
    master = group.serving(channel)
    replicas = group.replicas(master)
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
    assert not broker.sender(channel)._unconfirmed
    await broker.aclose()


async def test_what_no_replica_confirms_is_answered_all_the_same_and_kept_until_one_does(
    sentinels: Sentinels, channel: str
) -> None:
    broker = Broker.connect(sentinels.url)
    await broker.publish(complete_event("first", "/x"), channel)
    kept = broker.sender(channel)._unconfirmed
    assert not kept
    master = sentinels.serving()
    sentinels.cut_off_replicas(master)
    async with asyncio.timeout(20):
        await asyncio.gather(*(broker.publish(complete_event(f"d{n}", "/x"), channel) for n in range(3)))
    assert kept
    with master.admin() as client:
        client.execute_command("ACL SETUSER default +psync +sync")
    await until(lambda: not kept, "confirmation by a replica", 30)
    head = await broker.head(channel)
    told = [json.loads(each.payload) for each in await broker.tail(head.position, 10, channel)]
    assert [each["download_id"] for each in told] == ["first", "d0", "d1", "d2"]
    await broker.aclose()
