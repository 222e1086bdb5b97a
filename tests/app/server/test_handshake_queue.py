"""A crowd's handshakes, which leave the loop to the clients that are here."""

import asyncio
import logging
from types import SimpleNamespace
from typing import cast

import pytest

from app.server.handshake_queue import MAX_PER_TURN, MAX_TURN_S, MIN_TURN_S, HandshakeQueue
from simulcast.frontend.transport.handshake import Endpoint, Handshake
from tests.clocks import Clock
from tests.conditions import until
from tests.served import HANDSHAKE, hello, served


class Crowd:
    """Handshakes of `number` clients that came in one turn. Each takes `costs_s` of the clock."""

    def __init__(self, number: int, costs_s: float) -> None:
        self.clock = Clock()
        self.costs_s = costs_s
        self.served: list[int] = []
        self.aborted: list[int] = []
        self.gone: set[int] = set()
        self.failing: set[int] = set()
        self.queue = HandshakeQueue(cast(Endpoint, None), self.clock)
        self.clients = [self._handshake(name) for name in range(number)]

    def _handshake(self, name: int) -> Handshake:
        def serve(_: Endpoint) -> None:
            self.clock.now += self.costs_s
            self.served.append(name)
            if name in self.failing:
                raise LookupError("its endpoint fails")

        transport = SimpleNamespace(is_closing=lambda: name in self.gone)
        connection = SimpleNamespace(transport=transport, abort=lambda: self.aborted.append(name))
        return cast(Handshake, SimpleNamespace(serve=serve, connection=connection))

    async def come(self, flush_s: float = 0.0) -> list[int]:
        """Come together; return how many were served before each flush, one a turn, that takes `flush_s`."""
        self.queue.put(self.clients[0])  # the loop had nothing else to do before
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.served.clear()
        self.clock.now += flush_s
        for client in self.clients:
            self.queue.put(client)
        between: list[int] = []
        while sum(between) < len(self.clients) - len(self.gone):
            between.append(len(self.served) - sum(between))
            self.clock.now += flush_s
            await asyncio.sleep(0)
        return between


async def test_between_two_flushes_handshakes_take_no_longer_than_a_flush() -> None:
    crowd = Crowd(100, costs_s=0.001)
    assert await crowd.come(flush_s=0.0045) == [5] * 20
    assert crowd.served == list(range(100))


async def test_handshakes_take_little_of_each_turn_while_nothing_else_runs() -> None:
    between = await Crowd(100, costs_s=MIN_TURN_S / 3.5).come()
    assert between == [4] * 25


async def test_a_long_flush_is_not_followed_by_as_many_handshakes() -> None:
    between = await Crowd(64, costs_s=MAX_TURN_S / 7.5).come(10 * MAX_TURN_S)
    assert between == [8] * 8


async def test_each_turn_begins_few_decisions_that_tasks_take() -> None:
    between = await Crowd(4 * MAX_PER_TURN, costs_s=0.0).come()
    assert between == [MAX_PER_TURN] * 4


async def test_a_handshake_that_takes_longer_than_a_turn_is_served_all_the_same() -> None:
    assert await Crowd(5, costs_s=1.0).come() == [1] * 5


async def test_clients_that_gave_up_meanwhile_are_not_served_and_an_error_costs_one_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crowd = Crowd(10, costs_s=MIN_TURN_S)
    crowd.gone.update({4, 5, 6})
    crowd.failing.add(3)
    with caplog.at_level(logging.ERROR):
        assert await crowd.come() == [1] * 7
    assert crowd.served == [0, 1, 2, 3, 7, 8, 9]
    assert crowd.aborted == [3]
    assert "a handshake failed" in caplog.text


async def test_heads_that_arrive_together_are_served_in_many_turns_of_the_loop() -> None:
    """Clients far away: their connections were accepted long before their heads arrive."""
    loop = asyncio.get_running_loop()
    turn, served_in = 0, list[int]()

    def count_turns() -> None:
        nonlocal turn
        turn += 1
        if len(served_in) < 5 * MAX_PER_TURN:
            loop.call_soon(count_turns)

    def serve(handshake: Handshake) -> None:
        served_in.append(turn)
        handshake.accept(None)

    async with served(hello, serve) as server:
        clients = [await asyncio.open_connection("127.0.0.1", server.config.port) for _ in range(5 * MAX_PER_TURN)]
        await until(lambda: len(server.server_state.connections) == len(clients), "the connections")
        count_turns()
        for _, writer in clients:
            writer.write(HANDSHAKE + b"\r\n")
        async with asyncio.timeout(20):
            for reader, writer in clients:
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
                writer.close()
    assert len(served_in) == len(clients)
    assert max(map(served_in.count, served_in)) <= MAX_PER_TURN
