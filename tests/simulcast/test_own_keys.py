"""Keys of events of one's own: superseded, ended, and gone after a silence, unless somebody owns them."""

import json
from collections.abc import Awaitable, Callable

import pytest
import redis.asyncio

from simulcast import background, notify, sync
from simulcast.broker import Broker
from simulcast.errors import InvalidEvent
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.model.events import MAX_TTL_S, complete_event, progress_event
from simulcast.sync import SyncPublisher
from tests.command_line import Command as CommandLine
from tests.command_line import assert_complaint
from tests.conftest import Servers
from tests.jobs import URL, claim_job, history
from tests.valkey import Valkey

RENDER = {"type": "render", "film": "intro"}


def deadlines_key(channel: str) -> str:
    return f"{{{ChannelNames(channel).pubsub}}}:deadlines"


async def let_expire(client: redis.asyncio.Redis, channel: str, *keys: str) -> None:
    """Let the time of these keys be over."""
    assert await client.zadd(deadlines_key(channel), dict.fromkeys(keys, 1.0), xx=True, ch=True) == len(keys)


async def shown(broker: Broker, channel: str) -> list[tuple[str, dict[str, object]]]:
    """Return kind and event of each entry of the snapshot, oldest first."""
    return [(each.label[0], json.loads(each.payload)) for each in (await broker.snapshot(channel)).publications]


async def test_an_end_takes_the_place_of_its_key_and_newer_events_begin_again(broker: Broker, channel: str) -> None:
    for percent in (1, 2):
        await broker.publish(RENDER | {"percent": percent}, channel, key="render:intro")
    assert await shown(broker, channel) == [("p", RENDER | {"percent": 2})]
    await broker.publish(RENDER | {"passed": True}, channel, key="render:intro", ends=True)
    assert await shown(broker, channel) == [("e", RENDER | {"passed": True})]
    assert (await broker.snapshot(channel)).ended_ago_s.keys() == {"render:intro"}
    await broker.publish(RENDER | {"percent": 0}, channel, key="render:intro")
    assert [kind for kind, _ in await shown(broker, channel)] == ["e", "p"]


async def test_an_end_is_published_once_however_often_its_call_is_sent(broker: Broker, channel: str) -> None:
    first = await broker.publish(RENDER, channel, key="a", ends=True, idempotency_key="k")
    assert await broker.publish(RENDER, channel, key="a", ends=True, idempotency_key="k") == first


@pytest.mark.parametrize(("ttl_s", "expected"), [(None, 20), (5, 5), (MAX_TTL_S, MAX_TTL_S)])
async def test_a_key_expires_after_its_own_time_else_after_that_of_the_setting(
    servers: Servers, client: redis.asyncio.Redis, channel: str, ttl_s: int | None, expected: int
) -> None:
    broker = Broker(servers.topology(), servers.topology(), silent_ttl_s=20)
    await broker.publish(RENDER, channel, key="a", ttl_s=ttl_s)
    deadline = await client.zscore(deadlines_key(channel), "a")
    touched_at = await client.zscore(ChannelNames(channel).stream_keys[3], "a")
    assert deadline is not None and touched_at is not None
    assert float(deadline) - float(touched_at) == expected * 1000
    (publication,) = (await broker.snapshot(channel)).publications
    assert publication.ttl_s == expected
    await broker.aclose()


async def test_where_the_clock_was_set_back_keys_have_their_own_time_from_then_on(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await broker.publish(RENDER, channel, key="a", ttl_s=20)
    await broker.publish(RENDER, channel, key="b", ends=True)
    *_, touched, _, ended_at = ChannelNames(channel).stream_keys
    for key, member in ((touched, "a"), (deadlines_key(channel), "a"), (ended_at, "b")):
        await client.zincrby(key, 3_600_000, member)  # as the clock was one hour ahead
    snapshot = await broker.snapshot(channel)
    assert snapshot.silent_s["a"] == snapshot.ended_ago_s["b"] == 0
    for key, member in ((touched, "a"), (ended_at, "b")):
        now = int((await client.time())[0]) * 1000
        at = await client.zscore(key, member)
        assert at is not None and float(at) <= now + 1000
    deadline, touched_at = await client.zscore(deadlines_key(channel), "a"), await client.zscore(touched, "a")
    assert deadline is not None and touched_at is not None
    assert float(deadline) - float(touched_at) == 20_000


async def test_silent_keys_leave_the_snapshot_and_other_keys_stay(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await broker.publish({"type": "download_started", "download_id": "d"}, channel)
    await broker.publish(progress_event("d", 0.5, 1), channel)
    await broker.publish(RENDER, channel, key="a")
    await broker.publish(RENDER, channel, key="b")
    assert (await broker.snapshot(channel)).silent_s.keys() == {"a", "b", "d"}
    await let_expire(client, channel, "a", "d")
    assert await shown(broker, channel) == [("p", RENDER)]
    names = ChannelNames(channel)
    assert await client.hlen(names.stream_keys[2]) == await client.zcard(names.stream_keys[3]) == 1
    kept = await client.hget(names.meta, "snapshot_bytes")
    assert kept is not None and int(kept) == sum(map(len, await client.hvals(names.stream_keys[2])))


async def test_publications_clear_silent_keys_away_a_few_a_call(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    for n in range(6):
        await broker.publish(RENDER, channel, key=f"k{n}")
    await let_expire(client, channel, *(f"k{n}" for n in range(6)))
    for _ in range(2):
        await broker.publish(RENDER, channel, key="new")
    assert await client.hkeys(ChannelNames(channel).stream_keys[2]) == [b"p new"]
    assert await client.zcard(deadlines_key(channel)) == 1
    assert await client.pttl(deadlines_key(channel)) > 0


async def test_news_of_a_key_put_its_end_off_and_an_end_needs_none(
    broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await broker.publish(RENDER, channel, key="a")
    await let_expire(client, channel, "a")
    await broker.publish(RENDER | {"percent": 2}, channel, key="a")
    assert await shown(broker, channel) == [("p", RENDER | {"percent": 2})]
    await broker.publish(RENDER, channel, key="a", ends=True)
    assert await client.exists(deadlines_key(channel)) == 0


async def test_a_download_that_has_an_owner_never_expires(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await broker.publish(progress_event("a", 0.1, 1), channel)
    await jobs.submit(URL, "a")
    await jobs.command(Command("pause", "a"))
    assert await client.exists(deadlines_key(channel)) == 0
    paused = (await broker.snapshot(channel)).publications[-1]
    assert (paused.label[0], paused.ttl_s) == ("s", 0)
    await client.zadd(deadlines_key(channel), {"a": 1})  # as an older version of the library leaves it
    assert [event["type"] for _, event in await shown(broker, channel)] == ["download_progress", "download_paused"]
    assert await client.exists(deadlines_key(channel)) == 0


async def publish_by_broker(valkey: Valkey, channel: str) -> None:
    broker = Broker.connect(valkey.url)
    try:
        await broker.publish(RENDER, channel, key="a", ends=True)
    finally:
        await broker.aclose()


async def publish_by_notify(valkey: Valkey, channel: str) -> None:
    await notify.broadcast_message(RENDER, channel, key="a", ends=True)


async def publish_by_sync(valkey: Valkey, channel: str) -> None:
    publisher = SyncPublisher(valkey.url)
    try:
        publisher.publish(RENDER, channel, key="a", ends=True)
    finally:
        publisher.close()


@pytest.mark.parametrize("publish", [publish_by_broker, publish_by_notify, publish_by_sync])
async def test_an_end_from_outside_is_refused_for_a_key_that_a_download_has(
    publish: Callable[[Valkey, str], Awaitable[None]], valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", valkey.url)
    broker = Broker.connect(valkey.url)
    jobs = Jobs.connect(valkey.url, broker, channel)
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    with pytest.raises(InvalidEvent, match="a is owned by the service"):
        await publish(valkey, channel)
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    assert [(kind, event["type"]) for kind, event in await shown(broker, channel)] == [("e", "download_complete")]
    await jobs.aclose()
    await broker.aclose()


async def test_the_command_line_publishes_keys_and_refuses_the_end_of_a_download(
    simulcast: CommandLine, valkey: Valkey, channel: str
) -> None:
    broker = Broker.connect(valkey.url)
    options = ("--key", "a", "--ttl", "30", "--idempotency-key", "once")
    outputs = [simulcast("publish", channel, "{}", *options, REDIS_URL=valkey.url).stdout for _ in range(2)]
    assert outputs[0] == outputs[1] != ""
    assert [each.ttl_s for each in (await broker.snapshot(channel)).publications] == [30]
    assert simulcast("publish", channel, '{"n":1}', "--key", "a", "--ends", REDIS_URL=valkey.url).returncode == 0
    assert await shown(broker, channel) == [("e", {"n": 1})]
    jobs = Jobs.connect(valkey.url, broker, channel)
    await jobs.submit(URL, "b")
    done = simulcast("publish", channel, "{}", "--key", "b", "--ends", REDIS_URL=valkey.url)
    assert "b is owned by the service" in assert_complaint(done)
    assert "name it with key" in assert_complaint(simulcast("publish", channel, "{}", "--ends", REDIS_URL=valkey.url))
    await jobs.aclose()
    await broker.aclose()


async def test_the_setting_reaches_the_calls_of_other_programs(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", valkey.url)
    monkeypatch.setenv("SIMULCAST_SILENT_TTL_S", "77")
    monkeypatch.setattr(notify, "_brokers", {})
    monkeypatch.setattr(background, "_shared", {})
    await notify.notify_download_progress("a", 0.5, 1)
    await notify.broadcast_message(RENDER, channel, key="a")
    sync.broadcast_message(RENDER, channel, key="b")
    broker = Broker.connect(valkey.url)
    assert [each.ttl_s for each in (await broker.snapshot(channel)).publications] == [77, 77]
    await broker.publish(complete_event("a", "/x"))
    background.shared(SyncPublisher).close()
    await broker.aclose()


@pytest.mark.parametrize(
    ("event", "options", "reason"),
    [
        ({"type": "x"}, {"ends": True}, "name it with key"),
        ({"type": "x"}, {"ttl_s": 5}, "an event with a key"),
        ({"type": "x"}, {"key": "a", "ends": True, "ttl_s": 5}, "ends are kept for ten minutes"),
        ({"type": "x"}, {"key": "a", "ttl_s": 0}, "from 1 to 604800, not 0"),
        ({"type": "x"}, {"key": "a", "ttl_s": MAX_TTL_S + 1}, "from 1 to 604800"),
        ({"type": "x"}, {"key": "a", "ttl_s": True}, "not True"),
        ({"type": "x"}, {"key": "a", "ttl_s": float("nan")}, "not nan"),
        ({"type": "x"}, {"key": "\ud800"}, "surrogate"),
        (progress_event("a", 0.5, 1), {"ends": True}, "leave out key and ends"),
        (progress_event("a", 0.5, 1), {"key": "b"}, "leave out key and ends"),
        (complete_event("a", "/x"), {"ttl_s": 5}, "ends are kept for ten minutes"),
        ("Hello", {"key": "a"}, "only a JSON object"),
    ],
)
async def test_options_that_make_no_sense_are_refused_by_name(
    event: dict[str, object], options: dict[str, object], reason: str, broker: Broker, channel: str
) -> None:
    with pytest.raises(InvalidEvent, match=reason):
        await broker.publish(event, channel, **options)  # type: ignore[arg-type]
    assert await history(broker, channel) == []
