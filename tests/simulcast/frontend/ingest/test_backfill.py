"""What is taken from Redis when another epoch has begun."""

from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.ingest.backfill import Backfill
from tests.clocks import Clock
from tests.fake_clients import Socket, make_hub
from tests.redis_model import FakeBroker, RedisModel


async def followed(server: RedisModel, clock: Clock) -> tuple[Feed, Backfill, Socket]:
    """A feed that knows where the server is, with a client."""
    feed, repair = Feed(make_hub(clock)), Backfill(FakeBroker(server))
    await repair.reconcile("downloads", feed, server.head)
    socket = Socket(feed.hub)
    feed.hub.join(socket.client, b"")
    return feed, repair, socket


async def test_an_end_that_a_failover_lost_and_its_publisher_tells_again_is_told_once() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, repair, socket = await followed(server, clock)
    server.publish("p", "b", 5)
    server.publish("e", "a", 5)
    await repair.reconcile("downloads", feed, server.head)
    server.fail_over(1)
    await repair.reconcile("downloads", feed, server.head)
    server.publish("e", "a", 5)
    await repair.reconcile("downloads", feed, server.head)
    server.publish("e", "b", 5)
    await repair.reconcile("downloads", feed, server.head)
    clock.advance(1)
    assert len(socket.got) == 3  # b's progress, and each end once


async def test_what_a_whole_epoch_told_and_the_next_server_never_knew_is_told_once() -> None:
    clock = Clock()
    server = RedisModel(clock)
    feed, repair, socket = await followed(server, clock)
    server.publish("e", "a", 5)
    server.fail_over(0)
    server.publish("e", "b", 5)
    await repair.reconcile("downloads", feed, server.head)
    server.fail_over(1)  # to one that had never heard of the epoch
    await repair.reconcile("downloads", feed, server.head)
    server.publish("e", "b", 5)
    await repair.reconcile("downloads", feed, server.head)
    clock.advance(1)
    assert len(socket.got) == 2
