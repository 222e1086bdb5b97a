"""Add, list, publish and subscribe: with a real server, and with one that loses the connection in between."""

import asyncio
import json
import secrets

import pytest

from simulcast.gateway import AddedDownload, CommandRejected, Event, Gateway
from simulcast.gateway.address import ServerAddress
from simulcast.gateway.resume_position import ResumePosition
from simulcast.gateway.sync import Gateway as SyncGateway
from tests.conditions import until
from tests.gateway_server import FakeServer, progress_event
from tests.service import FrontEnd

URL = "https://example.com/a.iso"


async def test_a_client_that_has_only_the_socket_does_everything(shared_front_end: FrontEnd) -> None:
    download_id = secrets.token_hex(8)
    async with Gateway(url=shared_front_end.ws) as gateway:
        added = await gateway.add(URL, download_id=download_id, again=True, priority=2, deadline_s=60)
        assert (added.download_id, added.state, added.priority, added.existing) == (download_id, "queued", 2, False)
        again = await gateway.add(URL, download_id=download_id, again=True, priority=2, deadline_s=60)
        assert again.existing and again.created_at == added.created_at
        assert (await gateway.get(download_id, deadline_s=60)).priority == 2
        page = await gateway.list(state="queued", limit=500, deadline_s=60)
        assert download_id in [download.download_id for download in page.downloads]
        for call, reason in (
            (gateway.add("nonsense", deadline_s=60), "invalid_member"),
            (gateway.add(URL, download_id=download_id, name="b", deadline_s=60), "conflict"),
            (gateway.get("none", deadline_s=60), "unknown_download"),
            (gateway.publish({}, "a b", deadline_s=60), "invalid_channel"),
        ):
            with pytest.raises(CommandRejected) as refused:
                await call
            assert refused.value.reason == reason


async def test_a_subscription_outlives_its_connection_and_brings_each_event_once(shared_front_end: FrontEnd) -> None:
    a, b = (f"{secrets.token_hex(4)}-{name}" for name in "ab")
    received: list[Event] = []

    async def read(gateway: Gateway) -> None:
        async for event in gateway:
            received.append(event)

    def numbers() -> list[tuple[str | None, object]]:
        return [(event.channel, event.raw["n"]) for event in received if "n" in event.raw]

    async with Gateway(url=f"{shared_front_end.ws}?channel={a}", reconnect_delay_s=0.01) as gateway:
        reading = asyncio.create_task(read(gateway))

        async def publish(channel: str, number: int) -> None:
            await gateway.publish({"type": "mine", "n": number}, channel, deadline_s=60)

        async def hear(channel: str, number: int) -> None:
            await publish(channel, number)
            await until(lambda: any(heard == number for _, heard in numbers()), f"event {number}")

        async def lose() -> None:
            assert gateway._connection is not None
            gateway._connection.transport.abort()
            await until(lambda: not gateway.is_websocket_connected, "the loss")
            await until(lambda: gateway.is_websocket_connected, "its return")

        await hear(a, 1)
        await gateway.subscribe(b, deadline_s=60)
        await hear(b, 2)
        await lose()
        await hear(a, 3)
        await hear(b, 4)
        assert numbers() == [(None, 1), (b, 2), (a, 3), (b, 4)]
        await gateway.unsubscribe(a, deadline_s=60)
        await lose()
        await publish(a, 5)
        await hear(b, 6)
        assert numbers()[-1] == (None, 6)
        await lose()
        await hear(b, 7)
        assert [number for _, number in numbers()] == [1, 2, 3, 4, 6, 7]
    await reading


async def test_threads_have_the_same_calls(shared_front_end: FrontEnd) -> None:
    def use() -> AddedDownload:
        with SyncGateway(url=shared_front_end.ws) as gateway:
            added = gateway.add(URL, again=True, deadline_s=60)
            assert gateway.get(added.download_id, deadline_s=60).url == URL
            assert gateway.list(limit=1, deadline_s=60).total > 0
            assert "-" in gateway.publish({"n": 1}, "threads", deadline_s=60)
            gateway.subscribe("threads", deadline_s=60)
            gateway.unsubscribe("threads", deadline_s=60)
            return added

    assert len((await asyncio.to_thread(use)).download_id) == 16


async def test_an_added_download_is_sent_again_with_its_id_after_a_loss(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        adding = asyncio.create_task(gateway.add(URL))
        await until(lambda: len(fake_server.received) == 1)
        fake_server.cut()
        await until(lambda: len(fake_server.received) == 2)
        first, second = map(json.loads, fake_server.received)
        assert first == second and len(first["download_id"]) == 16
        adding.cancel()


@pytest.mark.parametrize("size", [4097, 16385])
async def test_a_message_that_the_server_would_not_read_is_an_error(size: int, fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        with pytest.raises(ValueError, match=r"characters.*: use REST"):
            await (gateway.relink("1", "x" * size) if size < 5000 else gateway.add("x" * size))
    assert fake_server.received == []


def test_the_first_answer_tells_the_channel_of_the_events_that_named_none() -> None:
    position = ResumePosition()
    position.is_new(progress_event("7-1"))
    position.follow(("a", "downloads"), "a")
    assert position.event_id == "downloads:7-1"
    address = ServerAddress("ws://host/ws?channel=downloads&x=1&since=1-1")
    resumed = address.resuming_after(position.event_id, position.channels)
    assert resumed == "ws://host/ws?x=1&since=downloads:7-1&channel=a&channel=downloads"
    position.begin()
    named = progress_event("7-1").replace('"type"', '"channel":"downloads","type"')
    assert not position.is_new(named)
    position.follow(("downloads",), "")
    position.begin()
    assert not position.is_new(progress_event("7-1")) and position.is_new(progress_event("7-2"))
    assert position.event_id == "downloads:7-2"
    position.follow(("a",), "")
    position.begin()
    assert position.is_new(progress_event("7-2")) and position.event_id == "a:7-2"
