"""`simulcast up`: starts Valkey, front-ends and workers in order, keeps them running, and stops them in order."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from simulcast.cli.banner import DEFAULT_REDIS_PORT, banner
from simulcast.cli.errors import first_user_error
from simulcast.cli.redis import broker_at
from simulcast.cli.terminal import print_if_possible
from simulcast.errors import CommandError
from simulcast.launcher import programs
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.launcher.readiness import wait_until_ready
from simulcast.launcher.sockets import listen, listen_on_one
from simulcast.launcher.supervisor import SupervisedProcess
from simulcast.launcher.valkey_binary import find_server
from simulcast.logs import discard_lost_output
from simulcast.signals import stop_signals

READY_TIMEOUT_S = 60.0
_log = logging.getLogger("simulcast.up")


@dataclass(frozen=True, slots=True)
class Plan:
    """The processes to run. `redis_url` is "" for the embedded server, which tries `redis_ports` in turn.

    `admin_port` is that of the first front-end, and further ones take the next ports; 0 for any free ones.
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
    redis_ports: Sequence[int] = (DEFAULT_REDIS_PORT, 0)
    front_end: Callable[..., Sequence[str]] = field(default=programs.front_end)
    worker: Callable[[], Sequence[str]] = field(default=programs.worker)


async def up(plan: Plan) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; a second signal kills immediately. Raises SimulcastError."""
    hurry = asyncio.Event()
    stopping = _cancel_on_signals(hurry)
    try:
        await _run(plan, hurry)
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise
        print_if_possible("Simulcast has stopped.")
    except BaseExceptionGroup as group:
        raise first_user_error(group) from group
    finally:
        discard_lost_output()


def _cancel_on_signals(hurry: asyncio.Event) -> asyncio.Event:
    """Cancel this task on the first signal, which sets the returned event; set `hurry` on the second."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    task = asyncio.current_task()

    def on_signal(number: signal.Signals) -> None:
        if stopping.is_set():
            hurry.set()
            return
        stopping.set()
        if task is not None:
            task.cancel()
        print_if_possible(f"\nstopping ({number.name}); repeat to kill everything immediately")

    for number in stop_signals():
        loop.add_signal_handler(number, on_signal, number)
    return stopping


async def _run(plan: Plan, hurry: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        public = [stack.enter_context(closing(listener)) for listener in listen(plan.host, plan.port)]
        admin = [
            stack.enter_context(closing(listen_on_one("127.0.0.1", plan.admin_port and plan.admin_port + number)))
            for number in range(plan.front_ends)
        ]
        url, server = await stack.enter_async_context(_redis(plan))
        port = public[0].getsockname()[1]
        settings = {"REDIS_URL": url, "SIMULCAST_HOST": plan.host, "SIMULCAST_PORT": str(port)}
        if plan.open_to_everyone:
            settings["SIMULCAST_OPEN_TO_EVERYONE"] = "true"
        environment = programs.environment(settings)
        children: list[SupervisedProcess] = []
        public_fds = [listener.fileno() for listener in public]
        for number, listener in enumerate(admin, 1):
            flags = [text for fd in public_fds for text in ("--fd", str(fd))]
            command = plan.front_end(*flags, "--admin-fd", str(listener.fileno()))
            sockets = [*public_fds, listener.fileno()]
            children.append(SupervisedProcess(f"front-end {number}", command, environment, hurry, sockets))
        for number in range(1, plan.workers + 1):
            children.append(SupervisedProcess(f"worker {number}", plan.worker(), environment, hurry))
        async with asyncio.TaskGroup() as group:
            if server is not None:
                group.create_task(server.supervise(), name="embedded server")
            for child in children:
                group.create_task(child.supervise(), name=child.name)
            admin_ports = [listener.getsockname()[1] for listener in admin]
            await _wait_until_all_ready(admin_ports)
            print_if_possible(banner(plan.host, port, admin_ports, plan.downloads, server or url))


@asynccontextmanager
async def _redis(plan: Plan) -> AsyncIterator[tuple[str, EmbeddedServer | None]]:
    """Yield the address of Redis, and the server if it is the embedded one."""
    if plan.redis_url:
        async with broker_at(plan.redis_url) as broker:
            await broker.head()  # raises unless Redis has Functions and its user may call them
        yield plan.redis_url, None
        return
    async with EmbeddedServer(plan.data, await find_server(), plan.redis_ports) as server:
        yield server.url, server


async def _wait_until_all_ready(ports: Sequence[int]) -> None:
    """Return when every front-end is ready. Raises CommandError with the reason after READY_TIMEOUT_S."""

    async def wait_for_one(number: int, port: int) -> None:
        reason = await wait_until_ready(port, READY_TIMEOUT_S)
        if reason is not None:
            raise CommandError(f"front-end {number} does not become ready: {reason}. Its log above may say more")
        _log.info("front-end %d of %d is ready", number, len(ports))

    _log.info("waiting for %d front-end%s", len(ports), "" if len(ports) == 1 else "s")
    async with asyncio.TaskGroup() as group:
        for number, port in enumerate(ports, 1):
            group.create_task(wait_for_one(number, port), name=f"readiness of front-end {number}")
