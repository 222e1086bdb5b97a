"""Backfill of a feed from Redis when another epoch has begun."""

from simulcast.frontend.fanout.feed import LOST_TTL_S, Feed
from simulcast.frontend.ingest.backfill import Backfill
from tests.clocks import Clock
from tests.fake_clients import Socket, make_hub
from tests.redis_model import FakeBroker, RedisModel


async def feed_with_client(server: RedisModel, clock: Clock) -> tuple[Feed, Backfill, Socket]:
    """Return a feed at the server's head, with a client."""
    feed, backfill = Feed(make_hub(clock)), Backfill(FakeBroker(server))
    await backfill.reconcile("downloads", feed, server.head)
    socket = Socket(feed.hub)
    feed.hub.join(socket.client, b"")
    return feed, backfill, socket


async def test_an_end_that_a_failover_lost_and_its_publisher_tells_again_is_told_once() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, backfill, socket = await feed_with_client(server, clock)
    server.publish("p", "b", 5)
    server.publish("e", "a", 5)
    await backfill.reconcile("downloads", feed, server.head)
    server.fail_over(1)
    await backfill.reconcile("downloads", feed, server.head)
    server.publish("e", "a", 5)
    await backfill.reconcile("downloads", feed, server.head)
    server.publish("e", "b", 5)
    await backfill.reconcile("downloads", feed, server.head)
    clock.advance(1)
    assert len(socket.got) == 3  # b's progress, and each end once


async def test_what_a_whole_epoch_told_and_the_next_server_never_knew_is_told_once() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, backfill, socket = await feed_with_client(server, clock)
    server.publish("e", "a", 5)
    server.fail_over(0)
    server.publish("e", "b", 5)
    await backfill.reconcile("downloads", feed, server.head)
    server.fail_over(1)  # to one that never had the epoch
    await backfill.reconcile("downloads", feed, server.head)
    server.publish("e", "b", 5)
    await backfill.reconcile("downloads", feed, server.head)
    clock.advance(1)
    assert len(socket.got) == 2


async def test_clients_of_a_server_that_was_flushed_are_cut() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, backfill, _ = await feed_with_client(server, clock)
    server.publish("s", "a", 5)
    await backfill.reconcile("downloads", feed, server.head)
    server.flush_all()
    await backfill.reconcile("downloads", feed, server.head)
    assert feed.hub.clients == 0
    assert feed.snapshot.entries() == []


async def test_clients_of_a_server_that_was_flushed_before_anything_was_published_stay() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, backfill, _ = await feed_with_client(server, clock)
    server.flush_all()
    await backfill.reconcile("downloads", feed, server.head)
    assert feed.hub.clients == 1


async def test_clients_that_know_what_a_restored_copy_lacks_are_cut_unless_it_is_published_again() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, backfill, _ = await feed_with_client(server, clock)
    for key in ("a", "b"):
        server.publish("s", key, 5)
    await backfill.reconcile("downloads", feed, server.head)
    server.fail_over(1)
    await backfill.reconcile("downloads", feed, server.head)
    clock.advance(LOST_TTL_S)
    await backfill.reconcile("downloads", feed, server.head)
    assert feed.hub.clients == 1
    clock.advance(1)
    await backfill.reconcile("downloads", feed, server.head)
    assert feed.hub.clients == 0
    assert [entry.key for entry in feed.snapshot.entries()] == ["a"]


async def test_clients_stay_where_what_was_lost_is_published_again() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, backfill, _ = await feed_with_client(server, clock)
    server.publish("s", "a", 5)
    server.publish("s", "b", 5)
    await backfill.reconcile("downloads", feed, server.head)
    server.fail_over(1)
    await backfill.reconcile("downloads", feed, server.head)
    server.publish("s", "b", 5)
    clock.advance(LOST_TTL_S + 1)
    await backfill.reconcile("downloads", feed, server.head)
    assert feed.hub.clients == 1


async def test_a_server_that_takes_over_between_the_head_and_the_history_cuts_nobody() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, backfill, _ = await feed_with_client(server, clock)
    server.publish("s", "a", 5)
    server.publish("s", "b", 5)
    head = server.head
    server.fail_over(1)
    await backfill.reconcile("downloads", feed, head)
    assert (feed.hub.clients, feed.position) == (1, server.position)
    assert [entry.key for entry in feed.snapshot.entries()] == ["a"]


async def test_a_history_that_no_longer_reaches_back_cuts_the_clients() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, backfill, _ = await feed_with_client(server, clock)
    for key in "abc":
        server.publish("s", key, 5)
    server.trim(1)
    await backfill.reconcile("downloads", feed, server.head)
    assert (feed.hub.clients, feed.position) == (0, server.position)
