"""The body of one response, piece by piece: as fast as allowed, and no slower than is worth waiting for."""

from collections.abc import Callable, Iterator, Sequence

from workers.block import Block
from workers.errors import DownloadFailed, TooSlow
from workers.http.decoding import Decoder
from workers.http.exchange import Response
from workers.http.rate_limit import BandwidthLimiter, piece_bytes

SLOW_WINDOWS = 2  # how many times the longest silence the slowest speed is waited for


class Body:
    """`least`: bytes a second, over SLOW_WINDOWS times the longest silence.

    Only time spent waiting for the server counts, not the waits for `paces` or the disk.
    """

    def __init__(
        self,
        exchange: Response,
        paces: Sequence[BandwidthLimiter],
        least: int,
        clock: Callable[[], float],
        decoder: Decoder | None = None,
    ) -> None:
        self._exchange = exchange
        self._paces = tuple(paces)
        self._least = least
        self._clock = clock
        self._decoder = decoder
        self._plain: Iterator[bytes] = iter(())
        self._waited_s = 0.0
        self._received = 0

    @property
    def failure(self) -> DownloadFailed | None:
        """Why the connection failed; None where the response has ended as it should."""
        return self._exchange.failure

    def close(self) -> None:
        """Leave the rest."""
        self._exchange.close()

    async def read(self, left: int | None = None) -> Block:
        """Return what arrived of the `left` bytes of the body, and nothing at the end. Raises ReadTimeout and TooSlow.

        The bytes that arrived before a failure are returned first: a server that drops every connection early would
        otherwise never get any further.
        """
        if self._decoder is None:
            return await self._read(left)
        while (piece := next(self._plain, None)) is None:
            block = await self._read(None)
            if not block:
                return block
            self._plain = self._decoder.decode(bytes(block))
        return Block(piece)

    async def wait_end(self) -> bool:
        """Return whether all has been read and the response has ended well; waits for that as for bytes to gather."""
        return self._decoder is None and await self._exchange.wait_end()

    def check_end(self) -> None:
        """Raises ProtocolError where compressed data ended too early."""
        if self._decoder is not None:
            self._decoder.check_end()

    async def _read(self, left: int | None) -> Block:
        began = self._clock()
        block = await self._exchange.read(piece_bytes(self._paces), left)
        self._watch(self._clock() - began, len(block))
        for pace in self._paces:
            if pace.bytes_per_s is not None:
                await pace.acquire(len(block))
        return block

    def _watch(self, waited_s: float, size: int) -> None:
        self._waited_s += waited_s
        self._received += size
        window_s = SLOW_WINDOWS * self._exchange.silence_s
        if self._least and window_s and self._waited_s >= window_s:
            speed = self._received / self._waited_s
            if speed < self._least:
                raise TooSlow(speed, self._least, window_s)
            self._waited_s, self._received = 0.0, 0
