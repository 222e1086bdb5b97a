"""Flushes that are due: behind the last message of a read, and in the next turn of the loop where nobody says so."""

import asyncio

from simulcast.frontend.ingest.due_flushes import DueFlushes

LATER_S = 3600.0


async def test_what_is_due_is_flushed_once_and_together() -> None:
    flushes, flushed = DueFlushes(asyncio.get_running_loop()), []
    flushes.call_at(flushes.clock(), lambda: flushed.append("a"))
    flushes.call_at(flushes.clock() - 1, lambda: flushed.append("b"))
    flushes.call_at(flushes.clock() + LATER_S, lambda: flushed.append("later"))
    assert not flushed
    flushes.run()
    assert flushed == ["a", "b"]
    flushes.run()
    await asyncio.sleep(0)
    assert flushed == ["a", "b"]


async def test_a_flush_of_which_nobody_tells_that_it_is_due_waits_for_one_turn_of_the_loop() -> None:
    flushes, flushed = DueFlushes(asyncio.get_running_loop()), []
    flushes.call_at(flushes.clock(), lambda: flushed.append("a"))
    flushes.call_at(flushes.clock(), lambda: flushes.call_at(flushes.clock(), lambda: flushed.append("by a flush")))
    await asyncio.sleep(0)
    assert flushed == ["a"]
    await asyncio.sleep(0)
    assert flushed == ["a", "by a flush"]


async def test_what_becomes_due_is_flushed_by_the_loop() -> None:
    flushes, flushed = DueFlushes(asyncio.get_running_loop()), asyncio.Event()
    flushes.call_at(flushes.clock() + 0.01, flushed.set)
    await flushed.wait()
