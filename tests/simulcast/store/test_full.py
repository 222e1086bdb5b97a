"""A publisher whose calls no replica has, on a server that may have one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.jobs import Jobs
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.commands import Command
from simulcast.model.events import complete_event, progress_event
from simulcast.model.job_record import Query
from simulcast.store import sender, unreplicated
from simulcast.store.connection import connect
from simulcast.store.topology import Topology
from tests.conditions import eventually, retry_while_unavailable, until
from tests.jobs import claim_job, history
from tests.valkey import Valkey


async def state_events(broker: Broker) -> set[tuple[object, ...]]:
    events = [event for event in await history(broker, DEFAULT_CHANNEL) if "change" in event]
    members = ("download_id", "type", "attempt", "change", "overtaken", "command_id")
    return {tuple(event.get(member) for member in members) for event in events}


class ReplicatedServer(Topology):
    """One server, of which a replica is known."""

    is_replicated = True


@pytest.fixture
async def replicated_broker(own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Broker]:
    monkeypatch.setattr(sender, "CLOSE_TIMEOUT_S", 0)
    broker = Broker(Topology(connect(own_valkey.url)), ReplicatedServer(connect(own_valkey.url)))
    yield broker
    await broker.aclose()


async def test_a_publisher_refuses_what_it_cannot_keep_until_a_replica_has_come(
    replicated_broker: Broker, own_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreplicated, "MAX_UNREPLICATED", 3)
    jobs = Jobs.connect(own_valkey.url, replicated_broker)
    await jobs.submit("http://example.com/a", "a")
    for n in range(2):
        await replicated_broker.publish(complete_event(f"d{n}", "/x"))
    with pytest.raises(BrokerUnavailable, match="could not publish: no replica of Redis has the last 3 changes"):
        await replicated_broker.publish(complete_event("d2", "/x"))
    with pytest.raises(BrokerUnavailable, match="Connect a replica"):
        await jobs.submit("http://example.com/b", "b")
    await replicated_broker.publish(progress_event("p", 0.5, 1))
    with pytest.raises(KeyError):
        await jobs.get("b")

    with own_valkey.admin() as client:
        client.config_set("repl-diskless-sync-delay", 0)
    replica = Valkey(tmp_path / "replica", options=("--replicaof", f"127.0.0.1 {own_valkey.port}")).start()
    try:
        await retry_while_unavailable(lambda: jobs.submit("http://example.com/b", "b"))
        offset = (await replicated_broker.head()).position.offset
        assert offset == 5, "nothing is published again to the server that has it"
    finally:
        replica.stop()
        await jobs.aclose()


async def test_a_server_that_returns_with_nothing_gets_each_acknowledged_change_under_its_number(
    replicated_broker: Broker, own_valkey: Valkey
) -> None:
    jobs = Jobs.connect(own_valkey.url, replicated_broker)
    for download_id in "abcd":
        await jobs.submit("http://example.com/", download_id)
    await jobs.finish(await claim_job(jobs), "complete", {"file_path": "/a"}, {"file_path": "/a"})
    await jobs.finish(await claim_job(jobs), "queued", {"delay_ms": "60000"}, {"error_message": "later"})
    assert await jobs.command(Command("pause", "c")) is None
    assert await jobs.command(Command("delete", "c")) is None
    assert await jobs.command(Command("cancel", "d", "c-1")) is None
    assert await jobs.command(Command("delete", "d")) is None
    await jobs.submit("http://example.com/", "e")
    lease = await claim_job(jobs)
    assert await jobs.command(Command("cancel", "e", "c-2")) is None
    await jobs.finish(lease, "error", {"error": "no"}, {"error_message": "no"})
    before = await state_events(replicated_broker)
    assert len(before) == 15
    own_valkey.kill()
    for path in (own_valkey.folder / "appendonlydir").glob("*"):
        path.unlink()
    own_valkey.start()

    async def is_back() -> bool:
        try:
            return await state_events(replicated_broker) == before
        except BrokerUnavailable:
            return False

    await eventually(is_back, "the same changes of state", 30)
    assert {(record.download_id, record.state) for record in (await jobs.list(Query())).records} == {
        ("a", "complete"),
        ("b", "queued"),
        ("e", "error"),
    }
    await jobs.aclose()


async def test_a_server_without_a_known_replica_acknowledges_immediately(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreplicated, "MAX_UNREPLICATED", 1)
    broker = Broker.connect(own_valkey.url)
    for n in range(3):
        await broker.publish(complete_event(f"d{n}", "/x"))
    assert not broker.sender()._unreplicated.is_retaining
    await broker.aclose()


async def test_an_acknowledged_change_waits_for_room_in_a_new_master_that_is_full(
    replicated_broker: Broker, own_valkey: Valkey
) -> None:
    await replicated_broker.publish(complete_event("a", "/x"))
    before = await state_publications(replicated_broker)
    with own_valkey.admin() as client:
        client.config_set("maxmemory", 1)
        client.flushall()  # as a master that has nothing of it
        await until(lambda: replicated_broker.sender()._unreplicated._postponed, "the refusal of what is sent again")
        assert await state_publications(replicated_broker) == []
        client.config_set("maxmemory", 0)

    async def is_back() -> bool:
        return await state_publications(replicated_broker) == before

    await eventually(is_back, "the change of state")


async def state_publications(broker: Broker) -> list[object]:
    return [event["download_id"] for event in await history(broker, DEFAULT_CHANNEL)]
