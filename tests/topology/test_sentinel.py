"""What only Sentinels do: they name a master, and some of them may be wrong or away."""

import signal
from collections.abc import Mapping

import pytest
import redis

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.model.events import complete_event
from simulcast.store.factory import topology_from_url
from simulcast.store.sentinel import Sentinel
from simulcast.store.url import Server
from tests.conditions import FAILOVER_S, eventually, until
from tests.ports import free_port
from tests.service import FrontEnd
from tests.topologies import MASTER, Sentinels
from tests.topology.conftest import ReconnectingClient

CHANNEL = "downloads"
Configuration = tuple[int, Server]  # its epoch, and its master
pytestmark = pytest.mark.timeout(180)
on_sentinels = pytest.mark.parametrize("group", [Sentinels], indirect=True)


@on_sentinels
async def test_an_old_master_that_goes_on_answering_is_left_for_the_one_that_is_named(
    group: Sentinels, running: FrontEnd, reconnecting_client: ReconnectingClient
) -> None:
    old = group.serving()
    new = group.replicas(old)[0]
    with new.admin() as client:
        client.execute_command("REPLICAOF NO ONE")
    group.name(new)
    broker = Broker.connect(group.url)
    await broker.publish(complete_event("a", "/x"))
    await until(lambda: reconnecting_client.ends()["a"] == 1, "what was published at the new master", FAILOVER_S)
    with old.admin() as client:
        assert client.pubsub_numsub(f"simulcast:{CHANNEL}")[0][1] == 0
    await broker.aclose()


@on_sentinels
async def test_a_master_that_was_made_a_replica_refuses_and_publishers_go_to_the_new_one(group: Sentinels) -> None:
    old = group.serving()
    new = group.replicas(old)[0]
    broker = Broker.connect(group.url)
    first = await broker.publish(complete_event("a", "/x"))
    with new.admin() as client:
        client.execute_command("REPLICAOF NO ONE")
    with old.admin() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", new.port)  # connections stay open, and get READONLY
    group.name(new)
    second = await broker.publish(complete_event("b", "/x"))
    assert first is not None and second is not None and second.epoch > first.epoch
    await broker.aclose()


@on_sentinels
async def test_two_sentinels_that_are_away_or_hang_stop_nobody(group: Sentinels) -> None:
    group.sentinels[0].kill()
    group.sentinels[1].signal(signal.SIGSTOP)
    broker = Broker.connect(group.url)
    assert await broker.publish(complete_event("a", "/x")) is not None
    group.sentinels[2].kill()  # what was known last holds
    assert await broker.publish(complete_event("b", "/x")) is not None
    await broker.aclose()


def answer_with(
    topology: Sentinel, configurations: Mapping[str, Configuration | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let each Sentinel reply as Redis documents it, or be away where it has no configuration.

    Its SENTINEL MASTER names another address for as long as it carries out a failover.
    """

    class Member:
        def __init__(self, server: Server) -> None:
            self._name = server[0]

        async def execute_command(self, command: str, _: str) -> object:
            configuration = configurations[self._name]
            if configuration is None:
                raise redis.ConnectionError("away")
            config_epoch, master = configuration
            if command == "SENTINEL GET-MASTER-ADDR-BY-NAME":
                return master[0].encode(), str(master[1]).encode()
            return {"config-epoch": config_epoch, "ip": "zzz", "port": 65535, "num-slaves": 1}

    monkeypatch.setattr(topology, "_discovery_client", Member)


async def test_of_a_majority_of_sentinels_the_newest_configuration_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    found = topology_from_url("redis+sentinel://a,b,c/mymaster")
    assert isinstance(found, Sentinel)
    answer_with(found, {"a": (4, ("old", 1)), "b": (5, ("new", 2)), "c": (5, ("new", 2))}, monkeypatch)
    for _ in range(20):
        await found._discover()
        assert found._server_for(CHANNEL) == ("new", 2)


async def test_a_configuration_keeps_its_master_while_one_sentinel_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    topology = topology_from_url("redis+sentinel://a,b,c/mymaster")
    assert isinstance(topology, Sentinel)
    configurations: dict[str, Configuration | None] = dict.fromkeys("abc", (5, ("new", 2)))
    answer_with(topology, configurations, monkeypatch)
    await topology._discover()
    configurations |= {"a": (5, ("old", 3)), "b": (5, ("old", 3))}
    for _ in range(20):
        await topology._discover()
        assert topology._server_for(CHANNEL) == ("new", 2)
    configurations["c"] = (5, ("old", 3))
    await topology._discover()
    assert topology._server_for(CHANNEL) == ("old", 3)


async def test_two_late_sentinels_do_not_bring_an_older_configuration_back(monkeypatch: pytest.MonkeyPatch) -> None:
    topology = topology_from_url("redis+sentinel://a,b,c/mymaster")
    assert isinstance(topology, Sentinel)
    configurations: dict[str, Configuration | None] = dict.fromkeys("abc", (5, ("new", 2)))
    answer_with(topology, configurations, monkeypatch)
    await topology._discover()
    configurations |= {"a": (4, ("old", 1)), "b": (4, ("old", 1)), "c": None}
    await topology._discover()
    assert topology._server_for(CHANNEL) == ("new", 2)
    configurations["c"] = (4, ("old", 1))  # all of them: they were set up again
    await topology._discover()
    assert topology._server_for(CHANNEL) == ("old", 1)


async def test_a_master_that_no_sentinel_knows_is_named(sentinels: Sentinels) -> None:
    broker = Broker.connect(sentinels.url.replace(MASTER, "nobody"))
    with pytest.raises(BrokerUnavailable, match="knows no master 'nobody'"):
        await broker.head()
    await broker.aclose()


async def test_sentinels_that_are_all_away_are_named_without_a_password() -> None:
    port = free_port()
    broker = Broker.connect(f"redis+sentinel://me:secret@127.0.0.1:{port}/{MASTER}")
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{port}/{MASTER} names no server") as told:
        await broker.head()
    assert "secret" not in str(told.value)
    await broker.aclose()


@on_sentinels
async def test_sentinels_with_a_password_are_asked_with_it(group: Sentinels) -> None:
    for each in group.sentinels:
        with each.admin() as client:
            client.execute_command("ACL SETUSER default on >hidden")
    refused = Broker.connect(group.url)
    with pytest.raises(BrokerUnavailable):
        await refused.head()
    await refused.aclose()
    broker = Broker.connect(group.url + "?sentinel_password=hidden")

    async def answers() -> bool:
        return (await broker.head()).position.offset == 0

    await eventually(answers, "an answer")
    await broker.aclose()
