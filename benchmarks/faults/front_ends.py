"""Front-ends die, hang, are restarted, and run out of descriptors."""

import asyncio
import resource
import signal
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage

MAX_FILES = 60
HANDSHAKES = 120


async def killed(stage: Stage, place: int = 0) -> None:
    stage.front_ends[place].kill()
    await asyncio.sleep(1)
    await stage.replace_front_end(place)


async def stopped(stage: Stage, place: int = 0) -> None:
    stage.front_ends[place].signal(signal.SIGSTOP)
    await asyncio.sleep(6)
    stage.front_ends[place].signal(signal.SIGCONT)


async def restarted(stage: Stage, place: int) -> None:
    await asyncio.to_thread(stage.front_ends[place].stop)
    await stage.replace_front_end(place)


async def rolled(stage: Stage) -> None:
    for place in range(len(stage.front_ends)):
        await restarted(stage, place)


async def out_of_descriptors(stage: Stage) -> None:
    """More clients than files; those that were there go on, and once the others leave it serves again."""
    pid, usual = stage.front_ends[0].process.pid, resource.RLIMIT_NOFILE
    limits = resource.prlimit(pid, usual)
    resource.prlimit(pid, usual, (MAX_FILES, limits[1]))
    accepted: list[ClientConnection] = []

    async def shake_hands() -> None:
        with suppress(OSError, WebSocketException, TimeoutError):
            accepted.append(await connect(stage.front_ends[0].ws, open_timeout=4, close_timeout=1, proxy=None))

    await asyncio.gather(*(shake_hands() for _ in range(HANDSHAKES)))
    stage.notes.append(f"{len(accepted)} of {HANDSHAKES} more clients were let in")
    if len(accepted) >= MAX_FILES:
        stage.wrong.append("the limit of descriptors had no effect")
    await asyncio.gather(*(connection.close() for connection in accepted))
    await stage.healed()
    async with connect(stage.front_ends[0].ws, proxy=None):
        resource.prlimit(pid, usual, limits)


ROWS = (
    Row("front-end-kill", "a front-end: `kill -9`, and restart", killed),
    Row("front-end-stop", "a front-end: SIGSTOP for 6 s", stopped),
    Row("front-end-rolling", "all front-ends restarted, one after the other", rolled),
    Row("front-end-files", f"a front-end with {MAX_FILES} descriptors, {HANDSHAKES} handshakes", out_of_descriptors),
)
