"""The waves in which clients leave a front-end that ends."""

import asyncio
from dataclasses import dataclass

import pytest

from simulcast.frontend import drain
from simulcast.frontend.drain import MIN_WAVE_SIZE, WAVE_S, waves
from simulcast.model.close_codes import Reconnect


@pytest.mark.parametrize("clients", [0, 1, MIN_WAVE_SIZE, MIN_WAVE_SIZE + 1, 1000, 1001, 50_000])
@pytest.mark.parametrize("drain_s", [0.0, 0.1, 5.0, 10.0])
def test_all_leave_in_time_and_no_wave_is_much_larger_than_another(clients: int, drain_s: float) -> None:
    sizes = waves(clients, drain_s)
    assert sum(sizes) == clients
    assert len(sizes) * WAVE_S <= max(drain_s, WAVE_S) + 1e-9
    assert not sizes or 0 < max(sizes) <= min(sizes) + 1


def test_few_leave_in_one_wave_and_many_use_the_time_they_have() -> None:
    assert waves(MIN_WAVE_SIZE, 5.0) == [MIN_WAVE_SIZE]
    assert len(waves(200, 5.0)) == 10
    assert len(waves(50_000, 5.0)) == 50


@dataclass(eq=False)
class FakeClient:
    """A client that closes in its turn, or never does."""

    connected: set["FakeClient"]
    codes: list[int]
    closes: bool = True
    aborted: bool = False

    def __post_init__(self) -> None:
        self.connected.add(self)

    def close(self, code: int, reason: str) -> None:
        self.codes.append(code)
        if self.closes:
            self.connected.discard(self)

    def abort(self) -> None:
        self.aborted = True
        self.connected.discard(self)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "WAVE_S", 0.01)
    monkeypatch.setattr(drain, "CLOSE_GRACE_S", 0.1)


@pytest.mark.usefixtures("quick")
async def test_drain_closes_each_client_once_and_cuts_one_that_does_not_close() -> None:
    connected: set[FakeClient] = set()
    codes: list[int] = []
    clients = [FakeClient(connected, codes, closes=n != 3) for n in range(50)]
    async with asyncio.timeout(20):
        await drain.drain(connected, 0.1)
    assert connected == set()
    assert [client.aborted for client in clients] == [n == 3 for n in range(50)]
    assert codes == [Reconnect.SERVICE_RESTART] * 50


@pytest.mark.usefixtures("quick")
async def test_drain_closes_a_client_whose_handshake_was_in_progress() -> None:
    connected: set[FakeClient] = set()
    codes: list[int] = []
    FakeClient(connected, codes)
    asyncio.get_running_loop().call_later(0.005, FakeClient, connected, codes)
    async with asyncio.timeout(20):
        await drain.drain(connected, 0.1)
    assert connected == set()
    assert codes == [Reconnect.SERVICE_RESTART] * 2
