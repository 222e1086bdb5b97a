"""The guide of the Flutter class, snippet by snippet, in Python against the real server."""

import json
from collections.abc import AsyncIterator

import pytest

from simulcast.gateway import (
    CommandRejected,
    DownloadComplete,
    DownloadPaused,
    DownloadProgress,
    DownloadQueued,
    Event,
    Gateway,
)
from simulcast.model.events import complete_event, progress_event
from tests.conditions import until
from tests.controlled_server import ControlledServer
from tests.gateway_server import Received


@pytest.fixture
async def controlled_server(restartable_server: ControlledServer) -> AsyncIterator[ControlledServer]:
    async with restartable_server.emptied() as server:
        yield server


def told(texts: list[str]) -> list[object]:
    """Each text as it was published."""
    events = [json.loads(text) for text in texts]
    return [{name: value for name, value in event.items() if name != "event_id"} for event in events]


async def test_init_connects_to_host_and_port(controlled_server: ControlledServer) -> None:
    gateway = Gateway(host="127.0.0.1", port=controlled_server.port)
    statuses: list[bool] = []
    gateway.on_websocket_status_change = statuses.append
    assert not gateway.is_websocket_connected
    await gateway.init()
    assert gateway.is_websocket_connected
    assert statuses == [True]
    await gateway.disconnect_websocket()


async def test_on_websocket_message_gets_the_text_of_each_event(controlled_server: ControlledServer) -> None:
    async with Gateway("127.0.0.1", controlled_server.port) as gateway:
        received = Received().by(gateway)
        await controlled_server.publish(dict(progress_event("12345", 0.75, 1024000)))
        await controlled_server.publish(dict(complete_event("12345", "/downloads/a.iso")))
        await until(lambda: len(received.messages) == 2)
    assert received.messages[0].endswith('"download_id":"12345","progress":0.75,"speed":1024000}')
    assert told(received.messages)[1] == complete_event("12345", "/downloads/a.iso")


async def test_send_websocket_message_sends_text_that_is_ignored_and_commands_that_are_answered(
    controlled_server: ControlledServer,
) -> None:
    gateway = Gateway("127.0.0.1", controlled_server.port)
    received = Received().by(gateway)
    assert not gateway.send_websocket_message("Hello from Flutter!")  # not connected yet
    async with gateway:
        assert gateway.send_websocket_message("Hello from Flutter!")
        assert gateway.send_websocket_message({"action": "pause_download", "download_id": "12345"})
        await until(lambda: received.messages)
    answer = json.loads(received.messages[0])
    assert (answer["type"], answer["status"], answer["reason"]) == ("command_result", "rejected", "unknown_download")


async def test_is_server_running_says_whether_it_runs(controlled_server: ControlledServer) -> None:
    gateway = Gateway("127.0.0.1", controlled_server.port)
    assert await gateway.is_server_running
    await controlled_server.kill()
    assert not await gateway.is_server_running


async def test_a_connection_that_was_lost_comes_back_misses_nothing_and_repeats_nothing(
    controlled_server: ControlledServer,
) -> None:
    gateway = Gateway("127.0.0.1", controlled_server.port, reconnect_delay_s=0.05)
    received = Received().by(gateway)
    async with gateway:
        await controlled_server.publish({"type": "before"})
        await until(lambda: len(received.messages) == 1)
        await controlled_server.kill()
        await until(lambda: not gateway.is_websocket_connected)
        await controlled_server.publish({"type": "meanwhile"})
        await controlled_server.start()
        await until(lambda: len(received.messages) == 2)
        await controlled_server.publish({"type": "after"})
        await until(lambda: len(received.messages) == 3)
    assert told(received.messages) == [{"type": "before"}, {"type": "meanwhile"}, {"type": "after"}]
    assert received.statuses == [True, False, True, False]


async def test_a_server_that_comes_later_is_found(controlled_server: ControlledServer) -> None:
    await controlled_server.kill()
    gateway = Gateway("127.0.0.1", controlled_server.port, reconnect_delay_s=0.05)
    received = Received().by(gateway)
    await gateway.init()
    assert (gateway.is_websocket_connected, received.statuses) == (False, [])
    await controlled_server.start()
    await until(lambda: gateway.is_websocket_connected)
    await gateway.disconnect_websocket()


async def test_disconnect_websocket_disconnects_for_good(controlled_server: ControlledServer) -> None:
    gateway = Gateway("127.0.0.1", controlled_server.port, reconnect_delay_s=0)
    received = Received().by(gateway)
    await gateway.init()
    await gateway.disconnect_websocket()
    assert (gateway.is_websocket_connected, received.statuses) == (False, [True, False])
    async with Gateway("127.0.0.1", controlled_server.port, reconnect_delay_s=0.05) as other:  # the clock
        await controlled_server.kill()
        await until(lambda: not other.is_websocket_connected)
        await controlled_server.start()
        await until(lambda: other.is_websocket_connected)
        assert await controlled_server.clients() == 1
    assert received.statuses == [True, False]


async def test_connect_websocket_connects_by_hand_and_resumes(controlled_server: ControlledServer) -> None:
    gateway = Gateway("127.0.0.1", controlled_server.port)
    received, seen = Received().by(gateway), Received()
    await gateway.init()
    await controlled_server.publish({"type": "before"})
    await until(lambda: received.messages)
    await gateway.disconnect_websocket()
    async with Gateway("127.0.0.1", controlled_server.port, on_websocket_message=seen.messages.append):
        await controlled_server.publish({"type": "meanwhile"})
        await until(lambda: any("meanwhile" in text for text in seen.messages))
    assert await gateway.connect_websocket()
    await until(lambda: len(received.messages) == 2)
    assert told(received.messages) == [{"type": "before"}, {"type": "meanwhile"}]
    assert received.statuses == [True, False, True]
    await gateway.disconnect_websocket()


async def test_several_channels_are_followed_over_a_loss(controlled_server: ControlledServer) -> None:
    gateway = Gateway(url=f"ws://127.0.0.1:{controlled_server.port}/ws?channel=a&channel=b", reconnect_delay_s=0.05)
    received = Received().by(gateway)
    async with gateway:
        for channel in "ab":
            await controlled_server.publish({"n": 1}, channel)
        await until(lambda: len(received.messages) == 2)
        await controlled_server.kill()
        for channel in "ab":
            await controlled_server.publish({"n": 2}, channel)
        await controlled_server.start()
        await until(lambda: len(received.messages) == 4)
    assert sorted((json.loads(text)["channel"], json.loads(text)["n"]) for text in received.messages) == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("b", 2),
    ]


async def test_commands_are_answered_and_told_to_everyone(controlled_server: ControlledServer) -> None:
    download_id = await controlled_server.add("http://127.0.0.1:1/a.iso")
    events: list[Event] = []
    async with Gateway("127.0.0.1", controlled_server.port) as gateway:
        async for event in gateway:
            events.append(event)
            match event:
                case DownloadQueued(download_id=found) if len(events) == 1:
                    assert found == download_id
                    assert (await gateway.pause(download_id)).download_id == download_id
                case DownloadPaused():
                    await gateway.resume(download_id)
                case DownloadQueued():
                    await gateway.cancel(download_id)
                case _:
                    break
        await gateway.retry(download_id)
        with pytest.raises(CommandRejected, match=download_id) as raised:
            await gateway.retry(download_id)
        assert raised.value.reason == "invalid_transition"
        await gateway.cancel(download_id)
        await gateway.delete(download_id, file=True)
        with pytest.raises(CommandRejected, match=f"there is no download {download_id}") as raised:
            await gateway.pause(download_id)
        assert raised.value.reason == "unknown_download"
        assert (await gateway.clear_finished()).download_id == ""
    assert [event.type for event in events] == [
        "download_queued",
        "download_paused",
        "download_queued",
        "download_cancelled",
    ]


async def test_events_are_typed(controlled_server: ControlledServer) -> None:
    async with Gateway("127.0.0.1", controlled_server.port) as gateway:
        await controlled_server.publish(dict(progress_event("12345", 1, 0)))
        await controlled_server.publish(dict(complete_event("12345", "/downloads/a.iso")))
        events = gateway.__aiter__()
        first, second = await anext(events), await anext(events)
        await events.aclose()
    assert isinstance(first, DownloadProgress) and (first.progress, first.speed) == (1.0, 0)
    assert isinstance(second, DownloadComplete) and second.file_path == "/downloads/a.iso"
