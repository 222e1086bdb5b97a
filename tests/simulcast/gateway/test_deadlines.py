"""Nothing is waited for without an end: servers that hang, fall silent or never read."""

import asyncio
import logging

import pytest

from simulcast.gateway import Gateway, Limits
from tests.conditions import DEADLINE_S, until
from tests.gateway_server import FakeServer, RawServer, Received, raw_server

PING, PONG = 0x9, 0xA


class Hanging(RawServer):
    """Takes the connection and never answers."""


class Silent(RawServer):
    """Completes the handshake, sends `greeting` and never says anything again."""

    greeting = b""
    _shaken = False

    def data_received(self, data: bytes) -> None:
        if not self._shaken:
            self._shaken = True
            self.shake_hands(data)
            self.transport.write(self.greeting)


class Answering(Silent):
    """Answers pings, of which it keeps count, and says nothing else."""

    pings = 0

    def data_received(self, data: bytes) -> None:
        if not self._shaken:
            super().data_received(data)
        elif data[0] & 0xF == PING:
            self.pings += 1
            self.transport.write(bytes([0x80 | PONG, 0]))


async def test_a_hanging_attempt_ends_and_another_follows() -> None:
    async with raw_server(Hanging) as (port, came):
        gateway = Gateway("127.0.0.1", port, reconnect_delay_s=0, limits=Limits(open_timeout_s=0.05))
        received = Received().by(gateway)
        await gateway.init()
        assert not gateway.is_websocket_connected
        await until(lambda: len(came) >= 3)
        await gateway.disconnect_websocket()
        assert received.statuses == []


async def test_a_disconnect_ends_an_attempt_that_hangs() -> None:
    async with raw_server(Hanging) as (port, came):
        gateway = Gateway("127.0.0.1", port, limits=Limits(open_timeout_s=3600))
        received = Received().by(gateway)
        connecting = asyncio.create_task(gateway.connect_websocket())
        await until(lambda: came)
        await asyncio.wait_for(gateway.disconnect_websocket(), DEADLINE_S)
        assert await asyncio.wait_for(connecting, DEADLINE_S) is False
        await until(lambda: came[0].transport.is_closing())
        assert received.statuses == []
        assert not gateway.is_websocket_connected


async def test_a_with_statement_that_is_cancelled_at_its_beginning_leaves_nothing_behind() -> None:
    async with raw_server(Hanging) as (port, came):
        gateway = Gateway("127.0.0.1", port, limits=Limits(open_timeout_s=3600))
        entering = asyncio.create_task(gateway.__aenter__())
        await until(lambda: came)
        entering.cancel()
        await asyncio.wait([entering])
        await until(lambda: came[0].transport.is_closing())
        assert [task for task in asyncio.all_tasks() if task.get_name().startswith("gateway")] == []


async def test_a_disconnect_ends_the_wait_for_the_next_attempt(absent: FakeServer) -> None:
    gateway = Gateway("127.0.0.1", absent.port, reconnect_delay_s=3600)
    await gateway.init()
    await asyncio.wait_for(gateway.disconnect_websocket(), DEADLINE_S)
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("gateway")] == []


async def test_silence_counts_as_a_loss(caplog: pytest.LogCaptureFixture) -> None:
    async with raw_server(Silent) as (port, came):
        gateway = Gateway("127.0.0.1", port, reconnect_delay_s=0, limits=Limits(idle_timeout_s=0.1))
        received = Received().by(gateway)
        await gateway.init()
        await until(lambda: received.statuses[:3] == [True, False, True])
        await gateway.disconnect_websocket()
        assert len(came) >= 2
        assert any("silent" in record.getMessage() for record in caplog.records)


async def test_after_a_disconnect_silence_is_none(fake_server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway("127.0.0.1", fake_server.port, limits=Limits(idle_timeout_s=0.1))
    await gateway.init()
    await gateway.disconnect_websocket()
    caplog.clear()
    await asyncio.sleep(0.25)
    assert caplog.records == []


async def test_a_second_disconnect_waits_for_the_first_and_cuts_nothing_short() -> None:
    class Unhurried(Silent):
        asked_to_close = False

        def data_received(self, data: bytes) -> None:
            self.asked_to_close = self._shaken
            super().data_received(data)

    async with raw_server(Unhurried) as (port, came):
        gateway = Gateway("127.0.0.1", port, limits=Limits(close_timeout_s=3600))
        await gateway.init()
        first = asyncio.create_task(gateway.disconnect_websocket())
        await until(lambda: getattr(came[0], "asked_to_close", False))
        second = asyncio.create_task(gateway.disconnect_websocket())
        done, _ = await asyncio.wait([first, second], timeout=0.05)
        assert done == set()
        came[0].transport.close()
        await asyncio.wait_for(asyncio.gather(first, second), DEADLINE_S)


async def test_a_close_that_the_server_never_finishes_counts_as_a_loss() -> None:
    class Unfinished(Silent):
        greeting = bytes([0x88, 2]) + (1001).to_bytes(2, "big")  # the close frame, and no end of TCP

    async with raw_server(Unfinished) as (port, _):
        gateway = Gateway("127.0.0.1", port, reconnect_delay_s=3600, limits=Limits(idle_timeout_s=0.1))
        received = Received().by(gateway)
        await gateway.init()
        await until(lambda: received.statuses == [True, False])
        await gateway.disconnect_websocket()


async def test_a_server_that_answers_pings_is_not_silent() -> None:
    async with raw_server(Answering) as (port, came):
        gateway = Gateway("127.0.0.1", port, reconnect_delay_s=0, limits=Limits(idle_timeout_s=0.5))
        received = Received().by(gateway)
        await gateway.init()
        await until(lambda: getattr(came[0], "pings", 0) >= 4)  # longer than the silence that is allowed
        assert received.statuses == [True]
        assert len(came) == 1
        await gateway.disconnect_websocket()


async def test_a_slow_callback_is_no_silence_of_the_server(fake_server: FakeServer) -> None:
    fake_server.snapshot = [str(number) for number in range(200)]  # more than is read ahead, so that reading stops
    gateway = Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=0, limits=Limits(idle_timeout_s=0.2))
    received = Received().by(gateway)
    loop = asyncio.get_running_loop()
    rested = asyncio.Event()

    async def on_message(text: str) -> None:
        received.messages.append(text)
        if not rested.is_set():
            loop.call_later(0.5, rested.set)
            await rested.wait()

    gateway.on_websocket_message = on_message
    await gateway.init()
    await until(lambda: len(received.messages) == 200)
    assert received.statuses == [True]
    assert len(fake_server.asked) == 1
    await gateway.disconnect_websocket()


async def test_a_server_that_never_reads_fills_the_bound_and_holds_up_no_disconnect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Deaf(Silent):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    async with raw_server(Deaf) as (port, _):
        gateway = Gateway("127.0.0.1", port, limits=Limits(close_timeout_s=0.05))
        received = Received().by(gateway)
        await gateway.init()
        sent = 0
        while gateway.send_websocket_message("x" * 2**16):
            sent += 1
            assert sent < 10_000, "what is unsent has no bound"
            await asyncio.sleep(0)
        await asyncio.wait_for(gateway.disconnect_websocket(), DEADLINE_S)
        assert received.statuses == [True, False]
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
