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


@pytest.mark.parametrize("error", [None, BrokerUnavailable("no")])
async def test_those_who_share_a_reading_go_on_in_turns_of_their_own(error: BrokerUnavailable | None) -> None:
    read_by = asyncio.Event()
    turn, went_on = 0, list[int]()

    async def read() -> None:
        await read_by.wait()
        if error is not None:
            raise error

    async def ask() -> None:
        try:
            await readings.get()
        finally:
            went_on.append(turn)

    readings = SharedReading(read)
    tasks = [asyncio.create_task(ask()) for _ in range(20)]
    await asyncio.sleep(0)
    read_by.set()
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turn += 1
    assert [task.exception() for task in tasks] == [error] * 20
    assert len(set(went_on)) == 20
