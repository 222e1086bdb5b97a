"""Responses that clients do not read, bounded in sum."""

import asyncio

MAX_UNREAD_BYTES = 32 * 1024 * 1024
ALLOWANCE_BYTES = 64 * 1024  # of each response, which do not count: connections are bounded by their number


class UnreadResponses:
    """The parts of responses that wait for their clients; beyond MAX_UNREAD_BYTES, those that waited longest are cut.

    The newest one stays, whatever its size.
    """

    def __init__(self) -> None:
        self._bytes: dict[asyncio.Transport, int] = {}

    def __contains__(self, transport: asyncio.Transport) -> bool:
        return transport in self._bytes

    def add(self, transport: asyncio.Transport) -> None:
        """Count what waits for a client whose socket is full."""
        if (size := transport.get_write_buffer_size() - ALLOWANCE_BYTES) <= 0:
            return
        self.discard(transport)
        self._bytes[transport] = size
        while sum(self._bytes.values()) > MAX_UNREAD_BYTES and len(self._bytes) > 1:
            oldest = next(iter(self._bytes))
            del self._bytes[oldest]
            oldest.abort()

    def discard(self, transport: asyncio.Transport) -> None:
        """Forget a client that read, or left. Harmless for one that is not here."""
        self._bytes.pop(transport, None)
