"""One reading for many, and none that waits for ever behind those of others."""

import asyncio

import pytest

from simulcast import shared_reading
from simulcast.errors import BrokerUnavailable
from simulcast.shared_reading import SharedReading


async def test_readings_behind_one_that_hangs_are_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_reading, "TURN_TIMEOUT_S", 0.05)
    monkeypatch.setattr(shared_reading, "MAX_PAUSE_S", 0.0)
    answered, begun = asyncio.Event(), list[int]()

    async def read(wanted: int) -> int:
        begun.append(wanted)
        await answered.wait()
        return wanted

    readings = SharedReading(read)
    first = asyncio.create_task(readings.get(0))
    outcomes = await asyncio.gather(*(readings.get(wanted) for wanted in [1, 2, 3, 3]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BrokerUnavailable] * 4
    assert begun == [0] and not readings._next
    answered.set()
    assert await first == 0
    assert await readings.get(4) == 4
