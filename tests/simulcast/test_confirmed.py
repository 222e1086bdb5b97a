"""Changes of state wait for a replica, where there are replicas."""

import asyncio
import json

import pytest
import redis

from simulcast.broker import Broker
from simulcast.events import complete_event
from simulcast.names import ChannelNames
from tests.conditions import until
from tests.topologies import Group, Sentinels


@pytest.fixture(params=["sentinels", "cluster"])
def group(request: pytest.FixtureRequest) -> Group:
    found: Group = request.getfixturevalue(request.param)
    return found


async def test_an_end_is_answered_once_a_replica_has_it(group: Group, channel: str) -> None:
    broker = Broker.connect(group.url)
    await broker.publish(complete_event("first", "/x"), channel)
    replicas = group.replicas(group.serving(channel))
    clients = [each.admin() for each in replicas]
    for client in clients:
        if group.url.startswith("redis+cluster"):
            client.execute_command("READONLY")
    for number in range(200):
        position = await broker.publish(complete_event(f"d{number}", "/x"), channel)
        assert position is not None
        assert str(position.offset) in {_offset(client, channel) for client in clients}
    for client in clients:
        client.close()
    await broker.aclose()


def _offset(client: redis.Redis, channel: str) -> str:
    found = client.hget(ChannelNames(channel).meta, "offset")
    assert isinstance(found, bytes)
    return found.decode()


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
