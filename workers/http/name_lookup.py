"""Host names become addresses in threads of their own: one that hangs delays neither another one nor the worker's end.

libcurl looks names up in at most 20 threads, which all downloads share, and waits for them at its end. It also does
not report whether a name does not exist or its name server did not answer.
"""

import asyncio
import socket
import threading
import time
from contextlib import suppress

from workers.errors import NameNotResolved

_TTL_S = 10.0

Addresses = tuple[str, ...]


class NameLookup:
    """Addresses are kept for _TTL_S. `timeout_s`: how long one look-up may take."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._kept: dict[str, tuple[float, Addresses]] = {}  # by name, with the time until which they are kept

    async def resolve(self, host: str) -> Addresses:
        """Return the addresses of `host`. Raises NameNotResolved, a final one where the name does not exist."""
        now_s = time.monotonic()
        self._kept = {name: entry for name, entry in self._kept.items() if entry[0] > now_s}
        if host not in self._kept:
            self._kept[host] = now_s + _TTL_S, await self._look_up(host)
        return self._kept[host][1]

    async def _look_up(self, host: str) -> Addresses:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Addresses | int] = loop.create_future()

        def finish(outcome: Addresses | int) -> None:
            if not result.done():
                result.set_result(outcome)

        def look_up() -> None:
            outcome: Addresses | int
            try:
                found = socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)
                outcome = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
            except socket.gaierror as error:
                outcome = error.errno or socket.EAI_AGAIN
            except (OSError, UnicodeError):
                outcome = socket.EAI_NONAME
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(finish, outcome)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        outcome: Addresses | int = socket.EAI_AGAIN
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                outcome = await result
        if isinstance(outcome, tuple) and outcome:
            return outcome
        if outcome in ((), socket.EAI_AGAIN):
            raise NameNotResolved(host, ": the name server did not answer")
        raise NameNotResolved(host, "", transient=False)
