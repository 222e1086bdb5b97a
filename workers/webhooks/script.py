"""The operator's script, which is run at each end as an address is told of it."""

import asyncio
import json
import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

from simulcast.webhooks import Delivery
from workers.errors import DownloadFailed

SCRIPT_TIMEOUT_S = 300.0  # lua/webhooks.lua leases it for longer
MAX_OUTPUT_BYTES = 16 * 1024  # of one run, in the log; the rest is read and left out
# Not `url`: SIMULCAST_URL is a setting of the command line, which the script may use.
MEMBERS = (
    *("type", "event_id", "channel", "download_id", "job_id", "kind", "name", "owner", "file_path", "error_message"),
    *("attempt", "result"),
)
_log = logging.getLogger("simulcast.webhooks")


class ScriptFailed(DownloadFailed):
    """The script did not end with 0 in its time."""


class Script:
    """Runs `path` without arguments: the event is its standard input, and members of it are in its environment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def run(self, delivery: Delivery) -> None:
        """Return when it has ended with 0; its output is in the log. Raises ScriptFailed, with the reason."""
        try:
            process = await asyncio.create_subprocess_exec(
                self._path,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **event_environment(delivery.body)},
                start_new_session=True,
            )
        except OSError as error:
            raise ScriptFailed(f"{self._path} can't be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(SCRIPT_TIMEOUT_S):
                await self._follow(process, delivery)
        except TimeoutError:
            raise ScriptFailed(f"{self._path} ran for longer than {SCRIPT_TIMEOUT_S:g} s") from None
        finally:
            with suppress(ProcessLookupError):  # all that it has begun ends with it
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if process.returncode:
            raise ScriptFailed(f"{self._path} ended with {process.returncode}")

    async def _follow(self, process: asyncio.subprocess.Process, delivery: Delivery) -> None:
        assert process.stdin is not None  # noqa: S101 (it was asked for)
        assert process.stdout is not None  # noqa: S101
        with suppress(ConnectionError):  # it reads nothing
            process.stdin.write(delivery.body)
            process.stdin.close()
        output = bytearray()
        while chunk := await process.stdout.read(MAX_OUTPUT_BYTES):
            output += chunk[: MAX_OUTPUT_BYTES - len(output)]
        for line in output.decode(errors="replace").splitlines():
            _log.info("%s: %s: %s", self._path.name, delivery.publication.key, line)
        await process.wait()


def event_environment(body: bytes) -> dict[str, str]:
    """Return the members of an event as variables: `SIMULCAST_TYPE` and so on. Text is as it is, all else is JSON."""
    event = json.loads(body)
    texts = {name: event[name] for name in MEMBERS if event.get(name) is not None}
    return {
        f"SIMULCAST_{name.upper()}": _clean(text if isinstance(text, str) else json.dumps(text))
        for name, text in texts.items()
    }


def _clean(text: str) -> str:
    """Leave out NUL, and replace lone surrogates: no environment may have them."""
    return text.replace("\0", "").encode(errors="replace").decode()
