"""One child process of `simulcast up`: kept running, started again when it dies, taken down in order."""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from simulcast.errors import CommandError
from simulcast.launcher.embedded import with_parent_death_guard

DRAIN_S = 20.0  # from SIGTERM to SIGKILL
HEALTHY_AFTER_S = 5.0  # who lived that long has got going
MAX_START_ATTEMPTS = 3  # to get going for the first time
FIRST_PAUSE_S, MAX_BACKOFF_S = 0.5, 10.0
STANDARD_ERROR = 2
_log = logging.getLogger("simulcast.up")


class SupervisedProcess:
    """`hurry`: once set, nothing is waited for any more."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        hurry: asyncio.Event,
        sockets: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._hurry = hurry
        self._sockets = sockets

    async def supervise(self) -> None:
        """Runs it, again and again, until cancelled; then returns once its process is gone.

        Raises CommandError when it never got going: it ended MAX_START_ATTEMPTS times without having lived
        HEALTHY_AFTER_S.
        """
        loop = asyncio.get_running_loop()
        got_going, tries, pause_s = False, 0, FIRST_PAUSE_S
        while True:
            began = loop.time()
            process = await self._start()
            try:
                code = await process.wait()
            finally:
                await self._end(process)
            if loop.time() - began >= HEALTHY_AFTER_S:
                got_going, pause_s = True, FIRST_PAUSE_S
            tries += 1
            if not got_going and tries == MAX_START_ATTEMPTS:
                raise CommandError(
                    f"{self.name} could not start ({_how(code)}, {tries} times): its last lines above say why"
                )
            _log.warning("%s ended unbidden (%s): starting it again in %.1f s", self.name, _how(code), pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, MAX_BACKOFF_S)

    async def _start(self) -> asyncio.subprocess.Process:
        # Killed when `up` is killed: there is nobody left then who would see that a drain comes to its end.
        # A session of its own, so Ctrl-C in the terminal reaches `up` alone.
        process = await asyncio.create_subprocess_exec(
            *with_parent_death_guard(self._command, signal.SIGKILL),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=STANDARD_ERROR,
            pass_fds=self._sockets,
            start_new_session=True,
        )
        _log.debug("%s is process %d", self.name, process.pid)
        return process

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        waits = [asyncio.ensure_future(process.wait()), asyncio.ensure_future(self._hurry.wait())]
        await asyncio.wait(waits, timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
        waits[1].cancel()
        if process.returncode is None:
            _log.warning("%s does not stop: killing it", self.name)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await waits[0]


def _how(code: int) -> str:
    try:
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
