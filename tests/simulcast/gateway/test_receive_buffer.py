"""`async for event in gateway`."""

import asyncio
import json
from contextlib import aclosing

import pytest

from simulcast.gateway import DownloadProgress, Event, Gateway, Limits
from simulcast.gateway.receive_buffer import ReceiveBuffer
from tests.conditions import DEADLINE_S, until
from tests.gateway_server import Station, event


async def read(gateway: Gateway, count: int) -> list[str | None]:
    """The next ids."""
    found: list[str | None] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(gateway.__aiter__()) as events:
        async for one in events:
            found.append(one.event_id)
            if len(found) == count:
                break
    return found


async def test_each_event_comes_typed_from_the_snapshot_on(station: Station) -> None:
    station.snapshot = [event("7-1"), '{"type":"marker"}', "Hello from Flutter!"]
    events: list[Event] = []
    async with asyncio.timeout(DEADLINE_S), station.gateway() as gateway:
        await until(lambda: station.clients)
        async for one in gateway:
            events.append(one)
            if len(events) == 2:
                await station.say(event("7-2"))
            if len(events) == 3:
                await gateway.disconnect_websocket()
    assert [type(one) for one in events] == [DownloadProgress, Event, DownloadProgress]
    assert [one.event_id for one in events] == ["7-1", None, "7-2"]


async def test_it_connects_by_itself(station: Station) -> None:
    station.snapshot = [event("7-1")]
    gateway = station.gateway()
    assert await read(gateway, 1) == ["7-1"]
    assert gateway.is_websocket_connected
    await gateway.disconnect_websocket()


async def test_it_outlives_a_loss_and_repeats_nothing(station: Station) -> None:
    station.snapshot = [event("7-1"), event("7-2")]
    async with station.gateway() as gateway:
        assert await read(gateway, 2) == ["7-1", "7-2"]
        reading = asyncio.create_task(read(gateway, 1))
        station.snapshot = [event("7-2"), event("7-3")]
        station.cut()
        assert await reading == ["7-3"]


async def test_a_disconnect_ends_it_after_what_is_left(station: Station) -> None:
    station.snapshot = [event("7-1"), event("7-2"), event("7-3")]
    gateway = station.gateway()
    found: list[str | None] = []
    async with asyncio.timeout(DEADLINE_S):
        async for one in gateway:
            found.append(one.event_id)
            if one.event_id == "7-1":
                await until(lambda: gateway._bookmark.event_id == "7-3")
                await gateway.disconnect_websocket()
    assert found == ["7-1", "7-2", "7-3"]


async def test_the_callback_gets_them_too(station: Station) -> None:
    station.snapshot = [event("7-1")]
    texts: list[str] = []
    async with station.gateway() as gateway:
        assert await read(gateway, 1) == ["7-1"]
        gateway.on_websocket_message = texts.append
        reading = asyncio.create_task(read(gateway, 1))
        await until(lambda: gateway._inbox.has_reader)
        await station.say(event("7-2"))
        assert await reading == ["7-2"]
    assert texts == [event("7-2")]


async def test_with_a_callback_nothing_waits_for_a_reader(station: Station) -> None:
    texts: list[str] = []
    async with station.gateway() as gateway:
        gateway.on_websocket_message = texts.append
        await until(lambda: station.clients)
        await station.say(event("7-2"))
        await until(lambda: event("7-2") in texts)
        reading = asyncio.create_task(read(gateway, 1))
        await until(lambda: gateway._inbox.has_reader)
        await station.say(event("7-3"))
        assert await reading == ["7-3"]


async def test_each_message_is_read_by_one(station: Station) -> None:
    async with station.gateway() as gateway:
        reading = asyncio.create_task(read(gateway, 1))
        await until(lambda: gateway._inbox.has_reader)
        with pytest.raises(RuntimeError, match="iterates"):
            await read(gateway, 1)
        await station.say(event("7-1"))
        assert await reading == ["7-1"]


async def test_a_slow_reader_gets_everything_and_holds_up_the_reading(station: Station) -> None:
    texts = [event(f"7-{n}") for n in range(1, 101)]
    limits = Limits(max_unread_characters=len(texts[0]) * 3)
    gateway = Gateway("127.0.0.1", station.port, limits=limits)
    found: list[str | None] = []
    most = 0
    station.snapshot = texts[:1]
    async with asyncio.timeout(DEADLINE_S), gateway, aclosing(gateway.__aiter__()) as events:
        async for one in events:
            found.append(one.event_id)
            if len(found) == 1:
                for text in texts[1:]:
                    await station.say(text)
            for _ in range(10):  # what comes meanwhile
                await asyncio.sleep(0)
            most = max(most, len(gateway._inbox._texts))
            if len(found) == 100:
                break
    assert found == [f"7-{n}" for n in range(1, 101)]
    assert most <= 4


async def test_a_full_inbox_does_not_hide_the_answer_that_its_reader_awaits(station: Station) -> None:
    station.snapshot = [event("7-1")]
    gateway = Gateway("127.0.0.1", station.port, limits=Limits(max_unread_characters=len(event("7-1"))))
    async with asyncio.timeout(DEADLINE_S), gateway, aclosing(gateway.__aiter__()) as events:
        assert (await anext(events)).event_id == "7-1"
        pausing = asyncio.create_task(gateway.pause("1"))
        await until(lambda: station.received)
        for text in (event("7-2"), event("7-3")):
            await station.say(text)
        command_id = json.loads(station.received[0])["command_id"]
        await station.say(f'{{"type":"command_result","status":"accepted","command_id":"{command_id}"}}')
        assert (await pausing).command_id == command_id
        assert [(await anext(events)).event_id for _ in range(2)] == ["7-2", "7-3"]


async def test_unread_without_a_reader_the_oldest_are_dropped() -> None:
    inbox = ReceiveBuffer(10)
    inbox.begin()
    for text in ("aaaa", "bbbb", "cccc"):
        await asyncio.wait_for(inbox.put(text), DEADLINE_S)
    assert await inbox.take() == ["bbbb", "cccc"]


async def test_a_full_inbox_holds_nothing_up_while_its_reader_waits_for_an_answer() -> None:
    inbox = ReceiveBuffer(1)
    inbox.begin()
    with inbox.reading():
        putting = asyncio.create_task(inbox.put("aaaa"))
        await asyncio.sleep(0)
        assert not putting.done()
        with inbox.unbounded():
            await asyncio.wait_for(putting, DEADLINE_S)
            await asyncio.wait_for(inbox.put("bbbb"), DEADLINE_S)
        putting = asyncio.create_task(inbox.put("cccc"))
        await asyncio.sleep(0)
        assert not putting.done()
        assert await inbox.take() == ["aaaa", "bbbb", "cccc"]
        await asyncio.wait_for(putting, DEADLINE_S)


async def test_a_reader_that_leaves_holds_nothing_up() -> None:
    inbox = ReceiveBuffer(1)
    inbox.begin()
    with inbox.reading():
        putting = asyncio.create_task(inbox.put("aaaa"))
        await asyncio.sleep(0)
    await asyncio.wait_for(putting, DEADLINE_S)
