"""Turns of the loop: one piece of a crowd's work in each."""

import asyncio
from typing import Any

import pytest

from simulcast.turns import MAX_REST_S, Turns, turns_of_loop
from tests.clocks import Clock


class Crowd:
    """Tasks that note the turn of the loop in which they go on."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.turn = 0
        self.went_on: list[tuple[int, int]] = []  # name of a task, turn

    async def go_on(self, name: int) -> None:
        await self.turns.take()
        self.went_on.append((name, self.turn))

    async def until_free(self) -> None:
        while self.turns._is_taken:
            await asyncio.sleep(0)

    async def until_done(self, tasks: list[asyncio.Task[None]]) -> None:
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            self.turn += 1


async def test_of_a_crowd_one_task_goes_on_in_a_turn_and_each_in_its_order() -> None:
    crowd = Crowd()
    await crowd.until_done([asyncio.create_task(crowd.go_on(name)) for name in range(50)])
    assert [name for name, _ in crowd.went_on] == list(range(50))
    assert len({turn for _, turn in crowd.went_on}) == 50
    assert crowd.turns.waiting == 0


async def test_a_task_alone_waits_for_nothing() -> None:
    crowd = Crowd()
    for name in range(3):
        crowd.turn = name
        await crowd.go_on(name)
        await crowd.until_free()
    assert crowd.went_on == [(0, 0), (1, 1), (2, 2)]


async def test_tasks_that_gave_up_hold_up_nobody() -> None:
    crowd = Crowd()
    tasks = [asyncio.create_task(crowd.go_on(name)) for name in range(6)]
    await asyncio.sleep(0)
    for number in (1, 2, 5):
        tasks[number].cancel()
    await crowd.until_done(tasks)
    await crowd.until_free()
    assert [name for name, _ in crowd.went_on] == [0, 3, 4]
    assert crowd.turns.waiting == 0


@pytest.mark.parametrize(("took_s", "rest_s"), [(0.005, 0.005), (10 * MAX_REST_S, MAX_REST_S)])
async def test_a_crowd_rests_as_long_as_each_turn_took(
    took_s: float, rest_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd, loop, rests = Crowd(), asyncio.get_running_loop(), list[float]()
    call_later = loop.call_later

    def record(delay_s: float, *args: Any) -> asyncio.TimerHandle:
        rests.append(delay_s)
        return call_later(0, *args)

    async def go_on() -> None:
        await crowd.turns.take()
        crowd.clock.advance(took_s)

    monkeypatch.setattr(loop, "call_later", record)
    await asyncio.gather(*(go_on() for _ in range(5)))
    assert rests == pytest.approx([rest_s] * len(rests)) and len(rests) >= 4


async def test_crowds_of_one_loop_share_their_turns_and_no_other_loop_does() -> None:
    async def own() -> Turns:
        return turns_of_loop()

    assert turns_of_loop() is turns_of_loop()
    assert await asyncio.to_thread(asyncio.run, own()) is not turns_of_loop()
