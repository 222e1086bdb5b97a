"""In which waves clients leave a front-end that ends."""

import asyncio
import signal
from dataclasses import dataclass, field
from typing import cast

import pytest
import uvicorn

from app.server import drain
from app.server.drain import MIN_WAVE_SIZE, WAVE_S, waves
from tests.served import hello


@pytest.mark.parametrize("clients", [0, 1, MIN_WAVE_SIZE, MIN_WAVE_SIZE + 1, 1000, 1001, 50_000])
@pytest.mark.parametrize("drain_s", [0.0, 0.1, 5.0, 10.0])
def test_all_leave_in_time_and_no_wave_is_much_larger_than_another(clients: int, drain_s: float) -> None:
    sizes = waves(clients, drain_s)
    assert sum(sizes) == clients
    assert len(sizes) * WAVE_S <= max(drain_s, WAVE_S) + 1e-9
    assert not sizes or 0 < max(sizes) <= min(sizes) + 1


def test_few_leave_at_once_and_many_use_the_time_they_have() -> None:
    assert waves(MIN_WAVE_SIZE, 5.0) == [MIN_WAVE_SIZE]
    assert len(waves(200, 5.0)) == 10
    assert len(waves(50_000, 5.0)) == 50


@dataclass(eq=False)
class FakeClient:
    """One that closes in its turn, or never does."""

    connections: set["FakeClient"]
    order: list[int]
    closes: bool = True
    is_long_lived: bool = True
    aborted: bool = False
    transport: asyncio.Transport = field(init=False)

    def __post_init__(self) -> None:
        self.transport = cast(asyncio.Transport, self)
        self.connections.add(self)

    def close_for_restart(self) -> None:
        self.is_long_lived = False
        self.order.append(len(self.connections))
        if self.closes:
            self.connections.discard(self)

    def abort(self) -> None:
        self.aborted = True
        self.connections.discard(self)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "WAVE_S", 0.01)
    monkeypatch.setattr(drain, "CLOSE_GRACE_S", 0.1)


@pytest.mark.usefixtures("quick")
async def test_who_does_not_close_is_cut_and_who_is_no_client_is_left_alone() -> None:
    connections: set[FakeClient] = set()
    order: list[int] = []
    clients = [FakeClient(connections, order, closes=n != 3) for n in range(50)]
    request = FakeClient(connections, order, is_long_lived=False)
    async with asyncio.timeout(20):
        await drain.drain(connections, 0.1, lambda: False)
    assert connections == {request}
    assert [client.aborted for client in clients] == [n == 3 for n in range(50)]
    assert len(order) == 50


@pytest.mark.usefixtures("quick")
async def test_who_was_still_shaking_hands_is_sent_away_too() -> None:
    connections: set[FakeClient] = set()
    order: list[int] = []
    late = FakeClient(connections, order, is_long_lived=False)
    first = FakeClient(connections, order)
    first.closes = False
    asyncio.get_running_loop().call_later(0.005, setattr, late, "is_long_lived", True)
    async with asyncio.timeout(20):
        await drain.drain(connections, 0.1, lambda: False)
    assert not connections and first.aborted and not late.aborted


async def test_who_is_in_a_hurry_waits_for_nobody() -> None:
    connections: set[FakeClient] = set()
    clients = [FakeClient(connections, [], closes=False) for _ in range(1000)]
    async with asyncio.timeout(20):
        await drain.drain(connections, 10.0, lambda: True)
    assert not any(client.aborted for client in clients)
    assert sum(client.is_long_lived for client in clients) == 1000 - waves(1000, 10.0)[0]


def test_a_second_signal_hurries_whichever_it_is() -> None:
    server = drain.Server(uvicorn.Config(hello, log_config=None), 5.0)
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit and not server.force_exit
    server.handle_exit(signal.SIGTERM, None)
    assert server.force_exit
