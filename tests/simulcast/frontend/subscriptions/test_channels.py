import pytest

from simulcast.frontend.fanout.frames import payload_of
from simulcast.frontend.fanout.view import View
from simulcast.frontend.subscriptions import channels as module
from simulcast.frontend.subscriptions.channels import IDLE_CHANNEL_TTL_S, TooManyChannels
from simulcast.model.position import Position
from tests.clocks import Clock
from tests.fake_clients import Socket
from tests.fake_listeners import make_channels


async def test_a_channel_is_let_go_some_time_after_its_last_client() -> None:
    clock = Clock()
    channels, listening = make_channels(clock)
    await channels.follow("a")
    with channels.pin("a"):
        clock.advance(IDLE_CHANNEL_TTL_S * 2)
        await channels.sweep()
        clock.advance(IDLE_CHANNEL_TTL_S * 2)
        await channels.sweep()
        assert set(listening.followed) == {"permanent", "a"}
    await channels.sweep()
    clock.advance(IDLE_CHANNEL_TTL_S + 1)
    await channels.sweep()
    assert set(listening.followed) == set(channels.feeds) == {"permanent"}


async def test_who_comes_back_before_that_finds_the_channel_as_it_was() -> None:
    clock = Clock()
    channels, _ = make_channels(clock)
    first = await channels.follow("a")
    await channels.sweep()
    clock.advance(IDLE_CHANNEL_TTL_S - 1)
    assert await channels.follow("a") is first
    with channels.pin("a"):
        await channels.sweep()
        clock.advance(IDLE_CHANNEL_TTL_S - 1)
        await channels.sweep()
        assert "a" in channels.feeds


async def test_one_address_cannot_take_all_channels_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHANNELS_PER_ADDRESS", 3)
    clock = Clock()
    channels, _ = make_channels(clock)
    for name in "abc":
        await channels.follow(name, "192.0.2.1")
    with pytest.raises(TooManyChannels, match=r"192\.0\.2\.1 was the first to name 3 channels"):
        await channels.follow("d", "192.0.2.1")
    await channels.follow("a", "192.0.2.1")  # one that is followed already
    await channels.follow("d", "192.0.2.2")
    await channels.follow("d", "192.0.2.1")
    for name in "efgh":
        await channels.follow(name)  # of this machine
    await channels.sweep()
    clock.advance(IDLE_CHANNEL_TTL_S + 1)
    await channels.sweep()
    for name in "xyz":
        await channels.follow(name, "192.0.2.1")  # it left the earlier ones


async def test_views_share_a_hub_that_goes_with_its_last_client() -> None:
    channels, _ = make_channels(Clock())
    feed = await channels.follow("permanent")
    assert channels.hub(feed, View("permanent")) is feed.hub
    view = View("permanent", download_id="x")
    hub = channels.hub(feed, view)
    assert hub is channels.hub(feed, view) is not feed.hub
    socket = Socket(hub)
    hub.join(socket.client, b"")
    await channels.sweep()
    assert channels.clients == 1
    hub.leave(socket.client)
    await channels.sweep()
    assert feed.views == {}


async def test_position_marks_come_to_who_wants_them_and_to_nobody_else() -> None:
    channels, _ = make_channels(Clock())
    feed = await channels.follow("permanent")
    plain = Socket(feed.hub)
    marked = Socket(channels.hub(feed, View("permanent", marks=True, download_id="quiet")))
    for socket in (plain, marked):
        socket.hub.join(socket.client, b"")
    await channels.publish_position_marks()
    marked.hub.flush()
    feed.hub.flush()
    assert marked.got == [b'{"type":"position","position":"1-0"}']
    assert plain.got == []
    assert payload_of(View("permanent").position_mark(Position(1, 0))) == marked.got[0]


async def test_a_front_end_follows_a_bounded_number_of_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulcast.frontend.subscriptions.channels.MAX_CHANNELS_PER_PROCESS", 2)
    channels, _ = make_channels(Clock())
    await channels.follow("a")
    with pytest.raises(TooManyChannels, match="2 channels"):
        await channels.follow("b")
    await channels.follow("a")


async def test_a_name_that_is_none_is_refused_and_leaves_nothing() -> None:
    channels, _ = make_channels(Clock())
    with pytest.raises(ValueError, match="channel"):
        await channels.follow("a b")
    assert set(channels.feeds) == {"permanent"}
