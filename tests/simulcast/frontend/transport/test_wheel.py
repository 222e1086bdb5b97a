"""The deadlines of all connections, by one timer."""

import asyncio
import math
from collections.abc import Callable
from typing import cast

import pytest

from simulcast.frontend.transport.wheel import MAX_PER_TURN, TICK_S, Wheel


class Loop:
    """A loop whose time is set by the test, and its one timer."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timer: tuple[float, Callable[[], None]] | None = None

    def time(self) -> float:
        return self.now

    def call_later(self, delay_s: float, call: Callable[[], None]) -> asyncio.Handle:
        assert self.timer is None, "a second timer"
        self.timer = self.now + delay_s, call
        return cast(asyncio.Handle, object())

    def call_soon(self, call: Callable[[], None]) -> asyncio.Handle:
        return self.call_later(0.0, call)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timer is not None and self.timer[0] <= end:
            (self.now, call), self.timer = self.timer, None
            call()
        self.now = end


class Member:
    def __init__(self) -> None:
        self.slot = 0
        self.passed: list[float] = []

    def on_deadline(self, now: float) -> None:
        self.passed.append(now)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def wheel(loop: Loop) -> Wheel:
    return Wheel(cast(asyncio.AbstractEventLoop, loop))


def test_a_deadline_passes_once_and_a_little_late_at_most(loop: Loop, wheel: Wheel) -> None:
    member = Member()
    wheel.set(member, loop.now + 5)
    loop.advance(4.99)
    assert member.passed == []
    loop.advance(5)
    assert len(member.passed) == 1 and 0 <= member.passed[0] - 1005 <= 2 * TICK_S
    assert loop.timer is None


def test_a_deadline_takes_the_place_of_the_one_before_and_infinity_is_none(loop: Loop, wheel: Wheel) -> None:
    earlier, later, none = Member(), Member(), Member()
    for member in (earlier, later, none):
        wheel.set(member, loop.now + 5)
    wheel.set(earlier, loop.now + 1)
    wheel.set(later, loop.now + 9)
    wheel.set(none, math.inf)
    loop.advance(2)
    assert [len(member.passed) for member in (earlier, later, none)] == [1, 0, 0]
    wheel.drop(earlier)
    loop.advance(20)
    assert [len(member.passed) for member in (earlier, later, none)] == [1, 1, 0]


def test_a_deadline_that_has_passed_already_is_the_next_one(loop: Loop, wheel: Wheel) -> None:
    member, other = Member(), Member()
    wheel.set(other, loop.now + 100)
    loop.advance(50)
    wheel.set(member, loop.now - 40)
    loop.advance(2 * TICK_S)
    assert len(member.passed) == 1


def test_a_crowd_with_one_deadline_leaves_the_loop_its_turns(loop: Loop, wheel: Wheel) -> None:
    crowd = [Member() for _ in range(2 * MAX_PER_TURN + 1)]
    for member in crowd:
        wheel.set(member, loop.now + 1)
    loop.now += 2
    turns = 0
    while loop.timer is not None:
        turns += 1
        before = sum(len(member.passed) for member in crowd)
        (_, call), loop.timer = loop.timer, None
        call()
        assert sum(len(member.passed) for member in crowd) - before <= MAX_PER_TURN
    assert all(len(member.passed) == 1 for member in crowd)
    assert turns >= 3


def test_an_unexpected_error_costs_the_others_nothing(loop: Loop, wheel: Wheel) -> None:
    class Failing(Member):
        def on_deadline(self, now: float) -> None:
            raise LookupError

    failing, member = Failing(), Member()
    wheel.set(failing, loop.now + 1)
    wheel.set(member, loop.now + 2)
    loop.advance(5)
    assert len(member.passed) == 1
