"""One answer's body, piece by piece: as fast as it may, and no slower than is worth waiting for."""

import asyncio
from collections.abc import Callable, Sequence

import aiohttp

from workers.errors import ReadTimeout, TooSlow
from workers.http.rate_limit import BandwidthLimiter, piece_bytes

SLOW_WINDOWS = 2  # how many times the longest silence the slowest speed is waited for


class Body:
    """`read` gives what arrived, and nothing at the end: then `failure` says whether the connection failed.

    What arrived before a failure is given first: else a server that drops every connection early would never be got any
    further with. `silence_s`: the longest silence. `least`: bytes a second, over WINDOWS times that; only time spent
    waiting for the server counts, not what `paces` or the disk take.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        paces: Sequence[BandwidthLimiter],
        silence_s: float | None,
        least: int,
        clock: Callable[[], float],
    ) -> None:
        self._content = response.content
        self._paces = tuple(paces)
        self._silence_s = silence_s
        self._least = least
        self._clock = clock
        self._waited_s = 0.0
        self._got = 0
        self.failure: aiohttp.ClientError | RuntimeError | None = None

    async def read(self) -> bytes:
        """Raises Stalled and TooSlow."""
        if self.failure is not None:
            return b""
        most, asked = piece_bytes(self._paces), self._clock()
        try:
            # Once aiohttp met a malformed chunk its own time-out is gone: nobody wakes who waits for more, and
            # who begins to wait later is told by a RuntimeError.
            async with asyncio.timeout(self._silence_s):
                chunk = await (self._content.readany() if most is None else self._content.read(most))
        except aiohttp.ServerTimeoutError:
            raise ReadTimeout(self._silence_s or 0) from None
        except (aiohttp.ClientError, RuntimeError) as error:
            self.failure, chunk = error, _is_rate_limited(self._content)
        except TimeoutError:
            raise ReadTimeout(self._silence_s or 0) from None
        self._watch(self._clock() - asked, len(chunk))
        for pace in self._paces:
            await pace.acquire(len(chunk))
        return chunk

    def _watch(self, waited_s: float, got: int) -> None:
        self._waited_s += waited_s
        self._got += got
        window_s = SLOW_WINDOWS * (self._silence_s or 0)
        if self._least and window_s and self._waited_s >= window_s:
            speed = self._got / self._waited_s
            if speed < self._least:
                raise TooSlow(speed, self._least, window_s)
            self._waited_s, self._got = 0.0, 0


def _is_rate_limited(body: aiohttp.StreamReader) -> bytes:
    """What arrived before the connection failed. aiohttp keeps it and gives only the error."""
    body.set_exception(None)  # type: ignore[arg-type]
    return body.read_nowait()
