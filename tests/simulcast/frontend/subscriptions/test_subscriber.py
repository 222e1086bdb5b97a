"""Several channels on one socket, and sockets that are slow or dead."""

from typing import cast

from simulcast.broker import Broker
from simulcast.frontend.fanout import backlog
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import payloads
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import SLOW_CLIENT_TIMEOUT_S, Subscriber
from simulcast.frontend.transport.batch_writers import ASGIWriter
from tests.clocks import Clock
from tests.conditions import until
from tests.fake_listeners import make_channels
from tests.publications import publication


class SlowSocket(ASGIWriter):
    """A socket that is full after each write, until `drain`. `acknowledged`: the bytes that the client took."""

    def __init__(self, channels: Channels, *followed: str) -> None:
        super().__init__(cast("object", None))  # type: ignore[arg-type]
        self.got: list[str] = []
        self.acknowledged = 0
        self.is_cut = False
        options = SubscribeOptions(channels=followed)
        self.observer = self.subscriber = Subscriber(
            options, self, channels, cast(ListenerPool, None), cast(Broker, None), set()
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
