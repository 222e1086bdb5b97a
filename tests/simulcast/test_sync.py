"""Publishing without an event loop: threads, forks, and the end of the interpreter."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest

from simulcast import background, notify, sync
from simulcast.errors import BrokerUnavailable, InvalidEvent
from simulcast.sync import SyncPublisher
from tests.forks import CHILD_TIMEOUT_S, in_child
from tests.valkey import Valkey


def publish(channel: str) -> None:
    assert sync.broadcast_message({"type": "n"}, channel) is not None


@pytest.fixture
def shared(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", valkey.url)
    monkeypatch.setattr(background, "_shared", {})


@pytest.mark.usefixtures("shared")
def test_a_child_that_is_forked_during_the_first_call_publishes(channel: str) -> None:
    with background._lock:  # as a thread holds it that makes the publisher
        assert in_child(lambda: publish(channel)) == 0


@pytest.mark.usefixtures("shared")
def test_children_publish_while_their_parent_does(channel: str) -> None:
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            publish(channel)

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(go_on) for _ in range(2)]
        try:
            assert [in_child(lambda: publish(channel)) for _ in range(8)] == [0] * 8
        finally:
            stop.set()
        for thread in running:
            thread.result(CHILD_TIMEOUT_S)


def test_a_publisher_goes_on_in_a_child(valkey: Valkey, channel: str) -> None:
    publisher = SyncPublisher(valkey.url)
    first = publisher.publish({"type": "n"}, channel)

    def work() -> None:
        assert publisher.publish({"type": "n"}, channel) is not None
        publisher.close()

    with publisher._closing:  # as another thread may hold it
        assert in_child(work) == 0
    second = publisher.publish({"type": "n"}, channel)
    publisher.close()
    assert first is not None and second is not None and second.offset == first.offset + 2


def test_a_closed_publisher_refuses(valkey: Valkey) -> None:
    publisher = SyncPublisher(valkey.url)
    publisher.close()
    publisher.close()
    with pytest.raises(BrokerUnavailable, match="was closed"):
        publisher.publish({"type": "n"})


def test_the_handler_of_a_signal_publishes_in_the_middle_of_a_publication(valkey: Valkey, channel: str) -> None:
    publisher = SyncPublisher(valkey.url)
    with background._lock, publisher._closing:  # as the thread holds them that is interrupted
        assert publisher.publish({"type": "n"}, channel) is not None
    publisher.close()


@pytest.mark.parametrize("work", ["swallows a cancel", "blocks"])
def test_whatever_goes_on_a_publisher_is_closed(work: str, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CLOSE_TIMEOUT_S", 1.0 if work == "blocks" else CHILD_TIMEOUT_S)
    publisher, begun, ending = SyncPublisher(valkey.url), threading.Event(), threading.Event()

    async def swallow() -> None:  # as some calls of redis-py do
        with suppress(asyncio.CancelledError):
            begun.set()
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def block() -> None:
        begun.set()
        ending.wait(CHILD_TIMEOUT_S)

    publisher.submit(work, block if work == "blocks" else swallow)
    begun.wait(CHILD_TIMEOUT_S)
    publisher.close()
    assert publisher._thread.is_alive() is (work == "blocks")
    ending.set()


@pytest.mark.parametrize(
    ("library", "check"), [("gevent.monkey", "is_module_patched"), ("eventlet.patcher", "is_monkey_patched")]
)
def test_without_threads_of_pythons_own_calls_are_refused(
    library: str, check: str, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for is_patched in (False, True):
        monkeypatch.setitem(sys.modules, library, SimpleNamespace(**{check: lambda name: is_patched}))  # noqa: B023
        if is_patched:
            with pytest.raises(RuntimeError, match="pool of processes or threads"):
                SyncPublisher(valkey.url)
        else:
            SyncPublisher(valkey.url).close()


def test_a_call_that_waits_for_redis_ends_when_its_publisher_is_closed(own_valkey: Valkey, channel: str) -> None:
    publisher = SyncPublisher(own_valkey.url)
    publisher.publish({"type": "n"}, channel)
    own_valkey.kill()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(publisher.publish, {"type": "n"}, channel)
        while not publisher._broker.sender(channel)._waiting and not publisher._broker.sender(channel)._failures:
            time.sleep(0.01)
        publisher.close()
        with pytest.raises(BrokerUnavailable):
            waiting.result(CHILD_TIMEOUT_S)


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_handler_of_atexit_publishes_or_gets_a_documented_error(valkey: Valkey, channel: str, order: str) -> None:
    program = f"""
import atexit, sys
if {order == "after"}: from simulcast import sync
def last():
    from simulcast import background, sync
    from simulcast.errors import BrokerUnavailable
    try:
        sync.broadcast_message({{"type": "n"}}, {channel!r})
        print("published")
    except BrokerUnavailable as error:
        print("refused", error)
atexit.register(last)
from simulcast import sync
sync.broadcast_message({{"type": "n"}}, {channel!r})
"""
    environment = {**os.environ, "REDIS_URL": valkey.url}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("refused could not publish" if order == "before" else "published")


def test_without_an_event_loop_the_error_names_the_way(valkey: Valkey) -> None:
    call = notify.broadcast_message({"type": "n"})
    with pytest.raises(RuntimeError, match=r"simulcast\.sync"):
        call.send(None)


def test_loops_of_many_threads_share_nothing(valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", valkey.url)

    async def some() -> None:
        assert await notify.broadcast_message({"type": "n"}, channel) is not None

    with ThreadPoolExecutor(8) as pool:
        for ran in [pool.submit(lambda: asyncio.run(some())) for _ in range(64)]:
            ran.result(CHILD_TIMEOUT_S)


@pytest.mark.parametrize("message", ["text \ud800", '{"type":"own","x":"\udfff"}'])
def test_text_with_half_of_a_surrogate_pair_is_refused_by_name(valkey: Valkey, channel: str, message: str) -> None:
    publisher = SyncPublisher(valkey.url)
    with pytest.raises(InvalidEvent, match="half of a surrogate pair"):
        publisher.publish(message, channel)
    publisher.close()
