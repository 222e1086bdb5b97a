"""The Gateway for threads."""

import json
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from simulcast.gateway import CommandRejected, CommandTimeout, ConnectionState, DownloadProgress
from simulcast.gateway.sync import Gateway
from tests.conditions import until
from tests.forks import in_child
from tests.gateway_server import FakeServer, progress_event


@pytest.fixture
async def threads() -> AsyncIterator[ThreadPoolExecutor]:
    """Threads that are not the test's own, which serves."""
    pool = ThreadPoolExecutor(4)
    yield pool
    pool.shutdown(wait=False)


def gateway(fake_server: FakeServer) -> Gateway:
    return Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=0.01)


def gateway_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "gateway"]


async def test_it_connects_sends_hears_and_its_thread_ends(
    fake_server: FakeServer, threads: ThreadPoolExecutor
) -> None:
    fake_server.snapshot = [progress_event("7-1"), progress_event("7-2")]
    statuses: list[bool] = []
    states: list[ConnectionState] = []

    def use() -> list[str | None]:
        with Gateway("127.0.0.1", fake_server.port, on_websocket_status_change=statuses.append) as one:
            one.on_state_change = states.append
            assert one.on_state_change == states.append
            assert one.is_websocket_connected
            assert one.is_server_running()
            assert one.send_websocket_message("Hello from Flutter!")
            found = []
            for each in one:
                assert isinstance(each, DownloadProgress)
                found.append(each.event_id)
                if len(found) == 2:
                    break
            one.disconnect_websocket()
            assert not one.is_websocket_connected
            assert one.connect_websocket()
        return found

    found = threads.submit(use)
    await until(found.done)
    assert found.result() == ["7-1", "7-2"]
    assert fake_server.received == ["Hello from Flutter!"]
    assert statuses == [True, False, True, False]
    assert states == [ConnectionState("connected")]
    assert gateway_threads() == []


async def test_commands_wait_for_their_answers(fake_server: FakeServer, threads: ThreadPoolExecutor) -> None:
    actions: list[Callable[[Gateway], object]] = [
        lambda one: one.pause("1"),
        lambda one: one.resume("1"),
        lambda one: one.cancel("1"),
        lambda one: one.retry("1"),
        lambda one: one.delete("1"),
        lambda one: one.clear_finished(),
    ]

    def use() -> list[object]:
        with gateway(fake_server) as one:
            found.extend(action(one) for action in actions)
            with pytest.raises(CommandRejected, match="no"):
                one.pause("2")
        return found

    found: list[object] = []
    used = threads.submit(use)
    for number in range(1, 8):
        await until(lambda number=number: len(fake_server.received) == number)  # type: ignore[misc]
        command = json.loads(fake_server.received[-1])
        status = "accepted" if number < 7 else "rejected"
        answer = {"type": "command_result", "status": status, "message": "no", "command_id": command["command_id"]}
        await fake_server.say(json.dumps(answer, separators=(",", ":")))
    await until(used.done)
    assert [getattr(result, "action", None) for result in used.result()] == [
        "pause_download",
        "resume_download",
        "cancel_download",
        "retry_download",
        "delete_download",
        "clear_finished",
    ]


async def test_callbacks_may_send_and_are_told_that_they_can_not_wait(
    fake_server: FakeServer, threads: ThreadPoolExecutor
) -> None:
    raised: list[BaseException] = []
    one = gateway(fake_server)

    def on_status(connected: bool) -> None:
        if connected:
            one.send_websocket_message("from a callback")
            for waits in (one.disconnect_websocket, one.close):
                with pytest.raises(RuntimeError, match="callback") as error:
                    waits()
                raised.append(error.value)

    one.on_websocket_status_change = on_status
    assert one.on_websocket_status_change is on_status
    await until(threads.submit(one.init).done)
    await until(lambda: fake_server.received)
    await until(threads.submit(one.close).done)
    assert fake_server.received == ["from a callback"]
    assert len(raised) == 2


async def test_closing_ends_whatever_waits(fake_server: FakeServer, threads: ThreadPoolExecutor) -> None:
    one = gateway(fake_server)
    await until(threads.submit(one.init).done)
    reading = threads.submit(lambda: list(one))
    pausing = threads.submit(one.pause, "1")
    await until(lambda: fake_server.received)
    await fake_server.say(progress_event("7-1"))
    await until(lambda: one._gateway._position.event_id)
    await until(threads.submit(one.close).done)
    await until(reading.done)
    await until(pausing.done)
    assert [each.event_id for each in reading.result()] == ["7-1"]
    with pytest.raises(CommandTimeout):
        pausing.result()
    assert gateway_threads() == []


async def test_closed_it_says_so() -> None:
    one = Gateway()
    one.close()
    one.close()
    with pytest.raises(RuntimeError, match="closed"):
        one.init()


async def test_a_server_that_is_away_is_no_error(absent: FakeServer, threads: ThreadPoolExecutor) -> None:
    def use() -> bool:
        with gateway(absent) as one:
            texts: list[str] = []
            one.on_websocket_message = texts.append
            assert one.on_websocket_message == texts.append
            return one.is_websocket_connected

    used = threads.submit(use)
    await until(used.done)
    assert used.result() is False


def test_wrong_options_raise_before_there_is_a_thread() -> None:
    with pytest.raises(ValueError, match="ws://"):
        Gateway(url="http://host/ws")
    assert gateway_threads() == []


def test_in_a_forked_child_it_raises_instead_of_waiting_for_a_thread_of_its_parent() -> None:
    gateway = Gateway()

    def use() -> None:
        gateway.close()
        for call in (gateway.connect_websocket, gateway.init, lambda: gateway.send_websocket_message("x")):
            with pytest.raises(RuntimeError, match="made before a fork"):
                call()

    assert in_child(use) == 0
    gateway.close()
