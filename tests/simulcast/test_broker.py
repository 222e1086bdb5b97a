"""The broker's promises, the same on every server and topology."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from redis.asyncio.client import PubSub

from simulcast.broker import Broker, Head
from simulcast.errors import InvalidEvent, PositionLost
from simulcast.model.channel import ChannelNames
from simulcast.model.events import complete_event, error_event, progress_event
from simulcast.model.position import Position
from simulcast.model.publication import from_message
from simulcast.store.topology import Topology
from tests.conditions import until
from tests.valkey import Valkey


async def test_offsets_are_contiguous_from_1(broker: Broker, channel: str) -> None:
    head = (await broker.head(channel)).position
    assert head.offset == 0
    positions = [await broker.publish({"n": n}, channel) for n in range(3)]
    assert positions == [Position(head.epoch, n) for n in (1, 2, 3)]
    assert (await broker.head(channel)).position == Position(head.epoch, 3)


async def test_a_head_brings_the_few_publications_that_follow_a_known_position(broker: Broker, channel: str) -> None:
    first, *later = [await broker.publish({"n": n}, channel) for n in range(4)]
    (head,) = await broker.heads({channel: first})
    assert isinstance(head, Head)
    assert [one.position for one in head.following] == later
    (current,) = await broker.heads({channel: later[-1]})
    assert isinstance(current, Head)
    assert current.following == []


async def test_a_head_brings_neither_many_nor_large_publications(broker: Broker, channel: str) -> None:
    first = await broker.publish({"n": 0}, channel)
    assert first
    for _ in range(3):
        await broker.publish({"text": "x" * 30_000}, channel)
    for _ in range(40):
        await broker.publish({"n": 1}, channel)
    epoch, offset = first.epoch, first.offset
    for after, following in ((offset, 2), (offset + 3, 16)):
        (head,) = await broker.heads({channel: Position(epoch, after)})
        assert isinstance(head, Head)
        assert len(head.following) == following


async def test_fifty_tasks_at_once_store_exactly_what_was_acknowledged(broker: Broker, channel: str) -> None:
    async def publisher(number: int) -> list[Position | None]:
        return [await broker.publish({"from": number, "n": n}, channel) for n in range(20)]

    acknowledged = [p for found in await asyncio.gather(*map(publisher, range(50))) for p in found]
    head = (await broker.head(channel)).position
    stored = await broker.history(Position(head.epoch, 0), head, channel, limit=5000)
    assert {p.position for p in stored} == set(acknowledged)
    assert len(stored) == len(acknowledged) == 1000


@pytest.fixture
async def pubsub(topology: Topology, channel: str) -> AsyncIterator[PubSub]:
    """Subscribed to what is published to the test's channel."""
    async with (await topology.client_for(channel)).pubsub() as found:
        name = ChannelNames(channel).pubsub
        await found.subscribe(name)
        if topology.is_sharded:
            await found.ssubscribe(name)
        while (reply := await found.get_message(timeout=5)) is None or reply[
            "type"
        ].encode() != topology.subscribe_reply:
            pass
        yield found


async def test_what_is_published_arrives_with_its_position_and_tag(
    broker: Broker, pubsub: PubSub, channel: str
) -> None:
    position = await broker.publish(progress_event("x", 1, 1), channel)
    message = await pubsub.get_message(timeout=5)
    assert message is not None
    found = from_message(message["data"])
    assert found is not None
    assert found[0] == (await broker.head(channel)).tag
    assert (found[1].position, found[1].label, found[1].key) == (position, "p", "x")


async def test_text_that_is_no_object_is_sent_live_and_not_kept(broker: Broker, pubsub: PubSub, channel: str) -> None:
    assert await broker.publish("Hello", channel) is None
    message = await pubsub.get_message(timeout=5)
    assert message is not None and message["data"] == b"Hello"
    assert (await broker.head(channel)).position.offset == 0


async def test_the_history_is_read_in_pages_after_a_position(broker: Broker, channel: str) -> None:
    for n in range(5):
        await broker.publish({"n": n}, channel)
    head = (await broker.head(channel)).position
    page = await broker.history(Position(head.epoch, 1), head, channel, limit=2)
    assert [p.position.offset for p in page] == [2, 3]
    assert page[0].payload == b'{"n":1}'
    assert await broker.history(head, head, channel) == []


async def test_a_trimmed_history_says_so(broker: Broker, client: redis.asyncio.Redis, channel: str) -> None:
    for n in range(5):
        await broker.publish({"n": n}, channel)
    await client.xtrim(ChannelNames(channel).history, maxlen=2, approximate=False)
    head = (await broker.head(channel)).position
    with pytest.raises(PositionLost) as lost:
        await broker.history(Position(head.epoch, 1), head, channel)
    assert lost.value.oldest == Position(head.epoch, 4)
    with pytest.raises(PositionLost):
        await broker.history(Position(head.epoch - 1, 5), head, channel)


async def test_the_snapshot_is_newest_state_and_progress_of_the_active_and_the_recent_ends(
    broker: Broker, channel: str
) -> None:
    await broker.publish({"type": "download_started", "download_id": "a"}, channel)
    for progress in (0.1, 0.2):
        await broker.publish(progress_event("a", progress, 5), channel)
        await broker.publish(progress_event("b", progress, 5), channel)
    await broker.publish({"type": "mine"}, channel)
    await broker.publish(complete_event("b", "/b"), channel)
    await broker.publish(error_event("c", "no"), channel)
    snapshot = await broker.snapshot(channel)
    assert [(p.label.split(":")[0], p.key, p.position.offset) for p in snapshot.publications] == [
        ("s", "a", 1),
        ("p", "a", 4),
        ("e", "b", 7),
        ("e", "c", 8),
    ]
    assert set(snapshot.ended_ago_s) == {"b", "c"}
    assert snapshot.head == await broker.head(channel)


async def test_ends_older_than_ten_minutes_are_forgotten_a_few_a_call(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    names = ChannelNames(channel)
    for n in range(6):
        await broker.publish(complete_event(f"old{n}", "/x"), channel)
        await client.zadd(names.stream_keys[5], {f"old{n}": 1})
    await broker.publish(complete_event("new", "/x"), channel)
    await broker.publish(complete_event("new", "/y"), channel)
    assert await client.zcard(names.stream_keys[5]) == await client.hlen(names.stream_keys[4]) == 1
    assert [p.key for p in (await broker.snapshot(channel)).publications] == ["new"]


async def test_what_is_kept_for_who_joins_is_bounded_in_bytes(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    names = ChannelNames(channel)
    await broker.publish(complete_event("first", "/x"), channel)
    await broker.publish(progress_event("active", 0.5, 1), channel)
    kept = await client.hget(names.meta, "snapshot_bytes")
    sizes = [len(value) for key in (names.stream_keys[2], names.stream_keys[4]) for value in await client.hvals(key)]
    assert kept is not None and int(kept) == sum(sizes)
    await client.hset(names.meta, "snapshot_bytes", str(64 * 1024 * 1024 - 50))
    await broker.publish(complete_event("second", "/x"), channel)
    assert [p.key for p in (await broker.snapshot(channel)).publications] == ["active", "second"]


async def test_an_idempotency_key_answers_with_the_first_position(broker: Broker, channel: str) -> None:
    first = await broker.publish({"n": 1}, channel, idempotency_key="k")
    assert await broker.publish({"n": 1}, channel, idempotency_key="k") == first
    assert await broker.publish({"n": 1}, channel, idempotency_key="other") != first
    with pytest.raises(InvalidEvent, match="idempotency"):
        await broker.publish({"n": 1}, channel, idempotency_key="k" * 201)


@pytest.mark.parametrize("lost", ["history", "meta"])
async def test_a_missing_history_or_meta_opens_an_epoch(
    lost: str, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    first = await broker.publish({"n": 1}, channel)
    names = ChannelNames(channel)
    await client.delete(names.history if lost == "history" else names.meta)
    second = await broker.publish({"n": 2}, channel)
    assert first is not None and second is not None
    assert second.epoch > first.epoch
    assert second.offset == 1


async def test_an_epoch_is_larger_than_any_id_in_the_stream(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    far = 9_000_000_000_000
    await client.xadd(ChannelNames(channel).history, {"e": b"- \n{}"}, id=f"{far}-5")
    position = await broker.publish({}, channel)
    assert position == Position(far + 1, 1)


async def test_the_library_is_loaded_again_where_it_is_missing(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    first = await broker.publish({}, channel)
    await client.execute_command("FUNCTION FLUSH")
    found = await asyncio.gather(*(broker.publish({}, channel) for _ in range(20)))
    assert [p.offset for p in found if p] == list(range(found[0].offset if found[0] else 0, 22))[:20]
    assert first is not None


async def test_two_versions_of_the_library_side_by_side_open_no_epoch(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    from simulcast.store import functions

    other_life = type(client).__name__.startswith("Fake")  # no INFO there, so each version has its own life
    code = functions.code().replace(functions.library_hash(), "0123456789")
    await client.execute_command("FUNCTION LOAD", code)
    first = await broker.publish({}, channel)
    names = ChannelNames(channel)
    epochs = set()
    for _ in range(3):
        args = (names.pubsub, 100, "-", "", b"{}", 1, "", 600)
        reply = await client.execute_command("FCALL", "simulcast_publish_0123456789", 6, *names.stream_keys, *args)
        epochs.add(reply.split(b"-")[0])
        ours = await broker.publish({}, channel)
        assert ours is not None
        epochs.add(str(ours.epoch).encode())
    assert first is not None
    assert other_life or epochs == {str(first.epoch).encode()}


async def test_a_channel_with_a_name_of_another_form_is_refused(broker: Broker) -> None:
    for name in ("", "a b", "a}b", "x" * 101, "ü"):
        with pytest.raises(ValueError, match="channel"):
            await broker.publish({}, name)


@pytest.mark.long
async def test_a_replication_backlog_that_expires_begins_no_epoch(
    own_valkey: Valkey, tmp_path: Path, channel: str
) -> None:
    replica = Valkey(tmp_path / "replica").start()
    broker = Broker.connect(own_valkey.url)
    with own_valkey.admin() as master, replica.admin() as admin:
        master.config_set("repl-backlog-ttl", 1)
        admin.execute_command("REPLICAOF", "127.0.0.1", own_valkey.port)
        await until(lambda: admin.info("replication")["master_link_status"] == "up", "a replica", 30)
        before = await broker.publish({"type": "n"}, channel)
        replication_id = master.info("replication")["master_replid"]
        replica.stop()
        await until(lambda: master.info("replication")["master_replid"] != replication_id, "a new replication id", 30)
    assert (await broker.head(channel)).position == before
    after = await broker.publish({"type": "n"}, channel)
    assert before is not None and after == Position(before.epoch, before.offset + 1)
    await broker.aclose()
