"""Redis dies, hangs, and cuts its subscribers."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager, nullcontext

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from benchmarks.faults.topology import GROUPS
from tests.valkey import Valkey

HUNG_S = 10.0
SMALL_BUFFER = "pubsub 16384 0 0"  # bytes; less than what one batch of the publisher makes for a subscriber
USUAL_BUFFER = "pubsub 33554432 8388608 60"


async def killed(stage: Stage) -> None:
    server = stage.server
    server.kill()
    await asyncio.sleep(1)
    await asyncio.to_thread(server.start)


def as_shipped(stage: Stage) -> AbstractAsyncContextManager[None]:
    """Redis syncs its file once a second, as the server that `simulcast up` brings does."""
    stage.servers[0].equip(["--appendfsync", "everysec"])
    return nullcontext()


async def stopped(stage: Stage) -> None:
    server = stage.server
    server.signal(signal.SIGSTOP)
    await asyncio.sleep(HUNG_S)
    server.signal(signal.SIGCONT)


async def subscriptions_killed(stage: Stage) -> None:
    with stage.redis() as client:
        for _ in range(3):
            client.execute_command("CLIENT KILL TYPE pubsub")
            await asyncio.sleep(0.5)


async def buffer_overrun(stage: Stage) -> None:
    """Writes are held up, so that what gathers meanwhile comes as one batch, which the buffer can't hold."""
    server = stage.server
    with server.admin() as client:
        before = _overruns(server)
        client.config_set("client-output-buffer-limit", SMALL_BUFFER)
        for _ in range(3):
            client.execute_command("CLIENT PAUSE", 1000, "WRITE")
            await asyncio.sleep(1.5)
        client.config_set("client-output-buffer-limit", USUAL_BUFFER)
    cut = _overruns(server) - before
    stage.notes.append(f"{cut} subscriptions cut")
    if not cut:
        stage.wrong.append("no buffer was overrun")


def _overruns(server: Valkey) -> int:
    return (server.folder / "log").read_text(errors="replace").count("overcoming of output buffer limits")


ROWS = (
    Row("redis-kill", "Redis: `kill -9`, and restart", killed, fails_over=GROUPS),
    Row(
        "redis-kill-everysec",
        "Redis with `appendfsync everysec`, as shipped: `kill -9`, and restart",
        killed,
        as_shipped,
        not_on=dict.fromkeys(GROUPS, "the server that `simulcast up` brings stands alone"),
    ),
    Row("redis-stop", f"Redis: SIGSTOP for {HUNG_S:.0f} s", stopped, fails_over=GROUPS),
    Row("pubsub-kill", "`CLIENT KILL TYPE pubsub`, three times", subscriptions_killed),
    Row("pubsub-overrun", "`client-output-buffer-limit pubsub` overrun", buffer_overrun),
)
