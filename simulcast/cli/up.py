"""`simulcast up`: Valkey, front-ends and workers, started in order, kept running, and taken down in order."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import typer

from simulcast.cli.banner import USUAL_REDIS_PORT, BannerInfo, banner
from simulcast.cli.errors import first_user_error
from simulcast.cli.redis import broker_at
from simulcast.errors import CommandError
from simulcast.launcher import programs
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.launcher.readiness import wait_until_ready
from simulcast.launcher.sockets import listen, listen_on_one
from simulcast.launcher.supervisor import SupervisedProcess
from simulcast.launcher.valkey_binary import find_server

READY_S = 60.0
_log = logging.getLogger("simulcast.up")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `redis_url` is "" for the embedded server; `redis_ports` are those that it tries in turn.

    `admin_port` is the first front-end's, and the next ones follow it; 0 for any free ones.
    """

    host: str
    port: int
    front_ends: int
    workers: int
    data: Path
    redis_url: str
    downloads: Path
    open_to_everyone: bool = False
    admin_port: int = 0
    redis_ports: Sequence[int] = (USUAL_REDIS_PORT, 0)
    front_end: Callable[..., Sequence[str]] = field(default=programs.front_end)
    worker: Callable[[], Sequence[str]] = field(default=programs.worker)


async def up(plan: Plan) -> None:
    """Runs until SIGINT, SIGTERM or SIGHUP; a second one hurries. Raises SimulcastError for what can't be done."""
    hurry = asyncio.Event()
    told = _listen_to_signals(hurry)
    try:
        await _run(plan, hurry)
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        typer.echo("Simulcast has stopped.")
    except BaseExceptionGroup as group:
        raise first_user_error(group) from group


def _listen_to_signals(hurry: asyncio.Event) -> asyncio.Event:
    """The first signal cancels this task, so that all unwinds in order; the second sets `hurry`."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    task = asyncio.current_task()

    def hear(number: signal.Signals) -> None:
        if told.is_set():
            hurry.set()
            return
        told.set()
        typer.echo(f"\nstopping ({number.name}); once more to hurry")
        if task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, hear, number)
    return told


async def _run(plan: Plan, hurry: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        public = [stack.enter_context(closing(each)) for each in listen(plan.host, plan.port)]
        admin = [
            stack.enter_context(closing(listen_on_one("127.0.0.1", plan.admin_port and plan.admin_port + number)))
            for number in range(plan.front_ends)
        ]
        url, server = await stack.enter_async_context(_redis(plan))
        port = public[0].getsockname()[1]
        given = {"REDIS_URL": url, "SIMULCAST_HOST": plan.host, "SIMULCAST_PORT": str(port)}
        if plan.open_to_everyone:
            given["SIMULCAST_OPEN_TO_EVERYONE"] = "true"
        environment = programs.environment(given)
        children: list[SupervisedProcess] = []
        for number, each in enumerate(admin, 1):
            handed = [found.fileno() for found in (*public, each)]
            flags = [text for fd in handed[:-1] for text in ("--fd", str(fd))]
            flags += ["--admin-fd", str(handed[-1])]
            children.append(
                SupervisedProcess(f"front-end {number}", plan.front_end(*flags), environment, hurry, handed)
            )
        for number in range(1, plan.workers + 1):
            children.append(SupervisedProcess(f"worker {number}", plan.worker(), environment, hurry))
        async with asyncio.TaskGroup() as group:
            if server is not None:
                group.create_task(server.supervise(), name="embedded server")
            for child in children:
                group.create_task(child.supervise(), name=child.name)
            ports = [each.getsockname()[1] for each in admin]
            await _all_ready(ports)
            redis_port, data = (server.port, server.data) if server else (0, plan.data)
            typer.echo(banner(BannerInfo(plan.host, port, ports, plan.downloads, url, redis_port, data)))


@asynccontextmanager
async def _redis(plan: Plan) -> AsyncIterator[tuple[str, EmbeddedServer | None]]:
    """The address of Redis, and the server if it is the embedded one."""
    if plan.redis_url:
        async with broker_at(plan.redis_url) as broker:
            await broker.head()  # it answers, knows Functions, and lets us use them
        yield plan.redis_url, None
        return
    async with EmbeddedServer(plan.data, await find_server(), plan.redis_ports) as server:
        yield server.url, server


async def _all_ready(ports: Sequence[int]) -> None:
    """Returns when every front-end is ready. Raises CommandError with the reason when one isn't in time."""

    async def one(number: int, port: int) -> None:
        reason = await wait_until_ready(port, READY_S)
        if reason is not None:
            raise CommandError(f"front-end {number} does not become ready: {reason}. Its lines above may say more")
        _log.info("front-end %d of %d is ready", number, len(ports))

    _log.info("waiting for %d front-end%s", len(ports), "" if len(ports) == 1 else "s")
    async with asyncio.TaskGroup() as group:
        for number, port in enumerate(ports, 1):
            group.create_task(one(number, port), name=f"readiness of front-end {number}")
