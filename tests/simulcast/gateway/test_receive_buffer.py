"""`async for event in gateway`."""

import asyncio
import json
from contextlib import aclosing

import pytest

from simulcast.gateway import DownloadProgress, Event, Gateway, Limits
from simulcast.gateway.receive_buffer import ReceiveBuffer
from tests.conditions import DEADLINE_S, until
from tests.gateway_server import FakeServer, progress_event


async def read(gateway: Gateway, count: int) -> list[str | None]:
    """The next ids."""
    found: list[str | None] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(gateway.__aiter__()) as events:
        async for one in events:
            found.append(one.event_id)
            if len(found) == count:
                break
    return found


async def test_each_event_comes_typed_from_the_snapshot_on(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1"), '{"type":"marker"}', "Hello from Flutter!"]
    events: list[Event] = []
    async with asyncio.timeout(DEADLINE_S), fake_server.gateway() as gateway:
        await until(lambda: fake_server.clients)
        async for one in gateway:
            events.append(one)
            if len(events) == 2:
                await fake_server.say(progress_event("7-2"))
            if len(events) == 3:
                await gateway.disconnect_websocket()
    assert [type(one) for one in events] == [DownloadProgress, Event, DownloadProgress]
    assert [one.event_id for one in events] == ["7-1", None, "7-2"]


async def test_it_connects_by_itself(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1")]
    gateway = fake_server.gateway()
    assert await read(gateway, 1) == ["7-1"]
    assert gateway.is_websocket_connected
    await gateway.disconnect_websocket()


async def test_it_outlives_a_loss_and_repeats_nothing(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1"), progress_event("7-2")]
    async with fake_server.gateway() as gateway:
        assert await read(gateway, 2) == ["7-1", "7-2"]
        reading = asyncio.create_task(read(gateway, 1))
        fake_server.snapshot = [progress_event("7-2"), progress_event("7-3")]
        fake_server.cut()
        assert await reading == ["7-3"]


async def test_a_disconnect_ends_it_after_what_is_left(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1"), progress_event("7-2"), progress_event("7-3")]
    gateway = fake_server.gateway()
    found: list[str | None] = []
    async with asyncio.timeout(DEADLINE_S):
        async for one in gateway:
            found.append(one.event_id)
            if one.event_id == "7-1":
                await until(lambda: gateway._position.event_id == "7-3")
                await gateway.disconnect_websocket()
    assert found == ["7-1", "7-2", "7-3"]


async def test_the_callback_gets_them_too(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1")]
    texts: list[str] = []
    async with fake_server.gateway() as gateway:
        assert await read(gateway, 1) == ["7-1"]
        gateway.on_websocket_message = texts.append
        reading = asyncio.create_task(read(gateway, 1))
        await until(lambda: gateway._receive_buffer.has_reader)
        await fake_server.say(progress_event("7-2"))
        assert await reading == ["7-2"]
    assert texts == [progress_event("7-2")]


async def test_with_a_callback_nothing_waits_for_a_reader(fake_server: FakeServer) -> None:
    texts: list[str] = []
    async with fake_server.gateway() as gateway:
        gateway.on_websocket_message = texts.append
        await until(lambda: fake_server.clients)
        await fake_server.say(progress_event("7-2"))
        await until(lambda: progress_event("7-2") in texts)
        reading = asyncio.create_task(read(gateway, 1))
        await until(lambda: gateway._receive_buffer.has_reader)
        await fake_server.say(progress_event("7-3"))
        assert await reading == ["7-3"]


async def test_each_message_is_read_by_one(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        reading = asyncio.create_task(read(gateway, 1))
        await until(lambda: gateway._receive_buffer.has_reader)
        with pytest.raises(RuntimeError, match="iterates"):
            await read(gateway, 1)
        await fake_server.say(progress_event("7-1"))
        assert await reading == ["7-1"]


async def test_a_slow_reader_gets_everything_and_holds_up_the_reading(fake_server: FakeServer) -> None:
    texts = [progress_event(f"7-{n}") for n in range(1, 101)]
    limits = Limits(max_unread_characters=len(texts[0]) * 3)
    gateway = Gateway("127.0.0.1", fake_server.port, limits=limits)
    found: list[str | None] = []
    most = 0
    fake_server.snapshot = texts[:1]
    async with asyncio.timeout(DEADLINE_S), gateway, aclosing(gateway.__aiter__()) as events:
        async for one in events:
            found.append(one.event_id)
            if len(found) == 1:
                for text in texts[1:]:
                    await fake_server.say(text)
            for _ in range(10):  # what comes meanwhile
                await asyncio.sleep(0)
            most = max(most, len(gateway._receive_buffer._texts))
            if len(found) == 100:
                break
    assert found == [f"7-{n}" for n in range(1, 101)]
    assert most <= 4


async def test_a_full_inbox_does_not_hide_the_answer_that_its_reader_awaits(fake_server: FakeServer) -> None:
    fake_server.snapshot = [progress_event("7-1")]
    gateway = Gateway("127.0.0.1", fake_server.port, limits=Limits(max_unread_characters=len(progress_event("7-1"))))
    async with asyncio.timeout(DEADLINE_S), gateway, aclosing(gateway.__aiter__()) as events:
        assert (await anext(events)).event_id == "7-1"
        pausing = asyncio.create_task(gateway.pause("1"))
        await until(lambda: fake_server.received)
        for text in (progress_event("7-2"), progress_event("7-3")):
            await fake_server.say(text)
        command_id = json.loads(fake_server.received[0])["command_id"]
        await fake_server.say(f'{{"type":"command_result","status":"accepted","command_id":"{command_id}"}}')
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
        assert not putting.done()
    await asyncio.wait_for(putting, DEADLINE_S)
    await asyncio.wait_for(inbox.put("b"), DEADLINE_S)
    with inbox.reading():
        assert await inbox.take() == ["b"]  # while nothing reads, the oldest are dropped
