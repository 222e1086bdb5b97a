"""A rate holds for all who take, in turn, and changes under those who wait. By a clock of the test's own."""

import asyncio

import pytest

from tests.clocks import Clock
from workers.http.rate_limit import BandwidthLimiter, piece_bytes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made, real = Clock(1000.0), asyncio.sleep

    async def sleep(seconds: float) -> None:
        due = made.now + seconds
        await real(0)
        made.now = max(made.now, due)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return made


async def test_what_is_taken_takes_the_time_that_the_rate_says(clock: Clock) -> None:
    pace = BandwidthLimiter(1000, clock)
    for _ in range(50):
        await pace.acquire(200)
    assert clock.now - 1000 == pytest.approx(10, abs=0.2)


async def test_an_amount_may_be_larger_than_a_seconds(clock: Clock) -> None:
    await BandwidthLimiter(1000, clock).acquire(30_000)
    assert clock.now - 1000 == pytest.approx(30, abs=0.2)


async def test_many_takers_share_one_rate_in_turn(clock: Clock) -> None:
    pace, ends = BandwidthLimiter(1000, clock), []

    async def take(number: int) -> None:
        await pace.acquire(1000)
        ends.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(take(number))
    assert ends == [0, 1, 2, 3, 4]
    assert clock.now - 1000 == pytest.approx(5, abs=0.3)


async def test_a_silence_saves_up_no_more_than_a_moments_burst(clock: Clock) -> None:
    pace = BandwidthLimiter(1000, clock)
    await pace.acquire(100)
    clock.now += 3600
    before = clock.now
    await pace.acquire(2000)
    assert clock.now - before == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(("rate", "rest_s"), [(100_000, 1), (None, 0)])
async def test_a_rate_that_is_raised_or_lifted_frees_who_waits_already(
    clock: Clock, rate: int | None, rest_s: float
) -> None:
    pace = BandwidthLimiter(10, clock)
    waiting = asyncio.create_task(pace.acquire(100_000))  # nearly three hours
    while clock.now < 1010:
        await asyncio.sleep(0)
        await asyncio.sleep(0.1)
    pace.change(rate)
    changed = clock.now
    await waiting
    assert clock.now - changed == pytest.approx(rest_s, abs=0.5)


async def test_a_rate_that_is_set_later_holds_from_then_on(clock: Clock) -> None:
    pace = BandwidthLimiter(None, clock)
    await pace.acquire(10**12)
    assert clock.now == 1000
    pace.change(1000)
    await pace.acquire(5000)
    assert clock.now - 1000 == pytest.approx(5, abs=0.2)


def test_what_is_slow_is_read_in_small_pieces(clock: Clock) -> None:
    fast, slow, none = (
        BandwidthLimiter(10_000_000, clock),
        BandwidthLimiter(50_000, clock),
        BandwidthLimiter(None, clock),
    )
    assert piece_bytes((fast, slow)) == 5_000
    assert piece_bytes((none, BandwidthLimiter(1, clock))) == 1024
    assert piece_bytes((none, none)) is None
