"""Several channels on one socket, and sockets that are slow or dead."""

import asyncio
import json
from typing import cast

from simulcast.broker import Broker
from simulcast.frontend.fanout import backlog
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import payloads, text_frame
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import MAX_CONCURRENT_READS, Channels
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import SLOW_CLIENT_TIMEOUT_S, Subscriber
from simulcast.frontend.transport.batch_writers import ASGIWriter
from simulcast.model.position import Position
from simulcast.model.publication import Publication
from tests.clocks import Clock
from tests.conditions import until
from tests.fake_listeners import make_channels
from tests.publications import publication


class SlowSocket(ASGIWriter):
    """A socket that is full after each write, until `drain`. `acknowledged`: the bytes that the client took."""

    def __init__(self, channels: Channels, *followed: str, broker: object = None) -> None:
        super().__init__(cast("object", None))  # type: ignore[arg-type]
        self.got: list[str] = []
        self.acknowledged = 0
        self.is_cut = False
        options = SubscribeOptions(channels=followed)
        self.observer = self.subscriber = Subscriber(
            options, self, channels, cast(ListenerPool, None), cast(Broker, broker), set()
        )

    @property
    def taken(self) -> int:
        return self.acknowledged

    def write(self, frames: bytes) -> None:
        assert self.drained.is_set(), "it writes to a full socket"
        self.got += [payload.decode() for payload in payloads(frames)]
        self.drained.clear()
        self.subscriber.on_pause()

    def drain(self) -> None:
        self.drained.set()
        self.subscriber.on_resume()

    def abort(self) -> None:
        self.is_cut = True
        self.subscriber.on_disconnect()


class History:
    """A broker whose channel has `number` publications. `reads`: how often it was asked."""

    def __init__(self, number: int, size: int) -> None:
        self.publications = [
            publication(offset, epoch=1, text=json.dumps({"n": offset, "filling": "x" * size}))
            for offset in range(1, number + 1)
        ]
        self.reads = 0

    async def history(self, after: Position, until: Position, channel: str, limit: int) -> list[Publication]:
        self.reads += 1
        await asyncio.sleep(0)
        return self.publications[after.offset : until.offset][:limit]


async def missed_by(socket: SlowSocket, since: Position) -> list[int]:
    """Let a client join that reads all it gets; return the numbers of its events."""
    return await read_all(socket, asyncio.create_task(socket.subscriber.follow("permanent", since)))


async def read_all(socket: SlowSocket, joining: asyncio.Task[None]) -> list[int]:
    while not (joining.done() and socket.has_room):
        await asyncio.sleep(0)
        if not socket.has_room:
            socket.drain()
    await joining
    return [json.loads(text)["n"] for text in socket.got]


async def test_clients_that_missed_the_same_events_read_the_history_once() -> None:
    channels, _ = make_channels(Clock())
    feed = channels.feeds["permanent"]
    broker = History(500, size=2000)
    feed.load_snapshot(Position(1, 500), "tag", [], {})
    first = SlowSocket(channels, broker=broker)
    assert await missed_by(first, Position(1, 100)) == list(range(101, 501))
    reads = broker.reads
    assert reads > 3
    for _ in range(5):
        same = SlowSocket(channels, broker=broker)
        assert await missed_by(same, Position(1, 100)) == list(range(101, 501))
        assert same.got == first.got
    assert broker.reads == reads
    other = SlowSocket(channels, broker=broker)
    assert await missed_by(other, Position(1, 90)) == list(range(91, 501))
    assert broker.reads > reads


async def test_clients_of_several_channels_share_no_history_with_those_of_one() -> None:
    channels, _ = make_channels(Clock())
    broker = History(100, size=10)
    channels.feeds["permanent"].load_snapshot(Position(1, 100), "tag", [], {})
    for with_channel in (False, True):
        socket = SlowSocket(channels, broker=broker)
        if with_channel:
            socket.subscriber.enable_channel_names()
        assert await missed_by(socket, Position(1, 0)) == list(range(1, 101))
        assert all(("channel" in json.loads(text)) is with_channel for text in socket.got)


async def test_nothing_that_others_have_read_is_written_to_a_socket_that_filled_meanwhile() -> None:
    channels, _ = make_channels(Clock())
    broker = History(100, size=2000)
    channels.feeds["permanent"].load_snapshot(Position(1, 100), "tag", [], {})
    assert await missed_by(SlowSocket(channels, broker=broker), Position(1, 0)) == list(range(1, 101))
    for _ in range(MAX_CONCURRENT_READS):
        await channels.history_reads.acquire()
    socket = SlowSocket(channels, broker=broker)
    joining = asyncio.create_task(socket.subscriber.follow("permanent", Position(1, 0)))
    await asyncio.sleep(0)
    for _ in range(MAX_CONCURRENT_READS):
        channels.history_reads.release()
    socket.write(text_frame(b'{"n":0}'))  # of another channel
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(socket.got) == 1 and not joining.done()
    assert await read_all(socket, joining) == list(range(101))


def fill(feed: Feed, first: int, last: int) -> None:
    for offset in range(first, last + 1):
        feed.accept(publication(offset, epoch=1, text='{"filling":"%s"}' % ("x" * 30_000)))


async def test_channels_of_one_socket_take_turns() -> None:
    channels, _ = make_channels(Clock())
    socket = SlowSocket(channels, "busy", "quiet")
    await socket.subscriber.follow_all()
    socket.drained.clear()
    socket.subscriber.on_pause()
    fill(channels.feeds["busy"], 1, 100)
    fill(channels.feeds["quiet"], 1, 1)
    writes = 0
    while not any('"channel":"quiet"' in text for text in socket.got):
        socket.drain()
        writes += 1
    assert writes <= 2
    fill(channels.feeds["quiet"], 2, 2)
    for _ in range(2):
        socket.drain()
    assert sum('"channel":"quiet"' in text for text in socket.got) == 2
    assert len(socket.got) < 20, "the busy one had more than its turns"


async def test_a_socket_that_drains_is_alive_however_slowly_and_one_that_takes_nothing_is_cut() -> None:
    clock = Clock()
    channels, _ = make_channels(clock)
    slow, dead = (SlowSocket(channels, "permanent", "other") for _ in range(2))
    for socket in (slow, dead):
        await socket.subscriber.follow_all()
        socket.drained.clear()
        socket.subscriber.on_pause()
    for _ in range(40):
        clock.advance(5)
        slow.acknowledged += 1
        for socket in (slow, dead):
            if not socket.is_cut:
                socket.subscriber.disconnect_if_stalled()
        assert dead.is_cut == (clock.now > SLOW_CLIENT_TIMEOUT_S)
    assert not slow.is_cut
    slow.drain()
    clock.advance(1000)
    slow.subscriber.disconnect_if_stalled()
    assert not slow.is_cut


async def test_a_client_that_follows_more_channels_keeps_its_place_in_the_first() -> None:
    clock = Clock()
    channels, _ = make_channels(clock)
    socket = SlowSocket(channels, "permanent")
    await socket.subscriber.follow_all()
    fill(channels.feeds["permanent"], 1, 5)
    clock.advance(1)
    await until(lambda: bool(socket.got), "the first event")
    had = len(socket.got)
    socket.subscriber.enable_channel_names()
    assert len(socket.got) == had, "it writes all that is owed"
    fill(channels.feeds["permanent"], 6, 6)
    while len(socket.got) < 6:
        socket.drain()
    assert [text.partition(",")[0] for text in socket.got] == [f'{{"event_id":"1-{n}"' for n in range(1, 7)]
    assert all('"channel":"permanent"' in text for text in socket.got[had:])
    assert backlog.SLICE_BYTES < 3 * 30_000
