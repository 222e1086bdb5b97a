"""The rows of the table: what is broken, and how. Each leaves its stage whole again."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from benchmarks.faults.stage import Stage

HUNG_S = 10.0


def _never() -> str:
    return ""


def _as_it_is(_: Stage) -> AbstractAsyncContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Row:
    """`fault` breaks something and mends it. `setting` prepares the stage before its Redis starts.

    `lacks`: why the row can't be played on this machine, or "".
    """

    name: str
    title: str
    fault: Callable[[Stage], Awaitable[None]]
    setting: Callable[[Stage], AbstractAsyncContextManager[None]] = _as_it_is
    lacks: Callable[[], str] = _never


async def redis_killed(stage: Stage) -> None:
    stage.server.kill()
    await asyncio.sleep(1)
    await asyncio.to_thread(stage.server.start)


async def redis_stopped(stage: Stage) -> None:
    stage.server.signal(signal.SIGSTOP)
    await asyncio.sleep(HUNG_S)
    stage.server.signal(signal.SIGCONT)


async def subscriptions_killed(stage: Stage) -> None:
    with stage.redis() as client:
        for _ in range(3):
            client.execute_command("CLIENT KILL TYPE pubsub")
            await asyncio.sleep(0.5)


async def front_end_killed(stage: Stage, place: int = 0) -> None:
    stage.front_ends[place].kill()
    await asyncio.sleep(1)
    await stage.replace_front_end(place)


async def front_end_stopped(stage: Stage, place: int = 0) -> None:
    stage.front_ends[place].signal(signal.SIGSTOP)
    await asyncio.sleep(6)
    stage.front_ends[place].signal(signal.SIGCONT)


async def front_end_restarted(stage: Stage, place: int) -> None:
    await asyncio.to_thread(stage.front_ends[place].stop)
    await stage.replace_front_end(place)


async def front_ends_rolled(stage: Stage) -> None:
    for place in range(len(stage.front_ends)):
        await front_end_restarted(stage, place)


ROWS = (
    Row("redis-kill", "Redis: `kill -9`, and restart", redis_killed),
    Row("redis-stop", f"Redis: SIGSTOP for {HUNG_S:.0f} s", redis_stopped),
    Row("pubsub-kill", "`CLIENT KILL TYPE pubsub`", subscriptions_killed),
    Row("front-end-kill", "a front-end: `kill -9`, and restart", front_end_killed),
    Row("front-end-stop", "a front-end: SIGSTOP for 6 s", front_end_stopped),
    Row("front-end-rolling", "all front-ends restarted, one after the other", front_ends_rolled),
)
