"""One child process of `simulcast up`: started, restarted when it dies, and stopped."""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from simulcast.errors import CommandError
from simulcast.launcher.parent_death import with_parent_death_guard

STOP_TIMEOUT_S = 20.0  # from SIGTERM to SIGKILL
HEALTHY_AFTER_S = 5.0
MAX_START_ATTEMPTS = 3  # until a process has been healthy once
BASE_BACKOFF_S, MAX_BACKOFF_S = 0.5, 10.0
STANDARD_ERROR = 2
_log = logging.getLogger("simulcast.up")


@dataclass(frozen=True, slots=True)
class SupervisedProcess:
    """A process by its `command`. Once `hurry` is set, it is killed instead of stopped. It inherits the `sockets`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    hurry: asyncio.Event
    sockets: Sequence[int] = ()

    async def supervise(self) -> None:
        """Keep the process running until cancelled; return once it has ended.

        Raises CommandError when it ended MAX_START_ATTEMPTS times and never lived for HEALTHY_AFTER_S.
        """
        loop = asyncio.get_running_loop()
        was_healthy, attempts, backoff_s = False, 0, BASE_BACKOFF_S
        while True:
            began = loop.time()
            end = await self._run()
            if loop.time() - began >= HEALTHY_AFTER_S:
                was_healthy, backoff_s = True, BASE_BACKOFF_S
            attempts += 1
            if not was_healthy and attempts == MAX_START_ATTEMPTS:
                raise CommandError(
                    f"{self.name} could not start ({end}, {attempts} times): its last lines above say why"
                )
            _log.warning("%s ended by itself (%s): restarting it in %.1f s", self.name, end, backoff_s)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)

    async def _run(self) -> str:
        """Run the process to its end, and describe that."""
        try:
            process = await self._start()
        except OSError as error:  # the system has no memory or no process left, which may pass
            return str(error.strerror)
        try:
            return _describe(await process.wait())
        finally:
            await stop_process(process, self.name, STOP_TIMEOUT_S, self.hurry)

    async def _start(self) -> asyncio.subprocess.Process:
        # Killed when `up` is killed, since no process would then be left to bound its drain.
        # A session of its own, so Ctrl-C in the terminal reaches `up` alone.
        process = await asyncio.create_subprocess_exec(
            *with_parent_death_guard(self.command, signal.SIGKILL),
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=STANDARD_ERROR,
            pass_fds=self.sockets,
            start_new_session=True,
        )
        _log.debug("%s is process %d", self.name, process.pid)
        return process


async def stop_process(
    process: asyncio.subprocess.Process, name: str, timeout_s: float, hurry: asyncio.Event | None = None
) -> None:
    """End a process by SIGTERM, and its session by SIGKILL after `timeout_s`, or as soon as `hurry` is set."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    waits = [asyncio.ensure_future(process.wait()), asyncio.ensure_future((hurry or asyncio.Event()).wait())]
    await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    waits[1].cancel()
    if process.returncode is None:
        _log.warning("%s does not stop: killing it", name)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await waits[0]


def _describe(code: int) -> str:
    try:
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
