"""The connection of one client, as its subscriber sees it."""

import asyncio
from typing import Protocol

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.hub import Writer


class ConnectionWriter(Writer, Protocol):
    """A writer with its connection's state."""

    def close(self, code: int, reason: str) -> None:
        """Disconnect the client, which gets code and reason if it reads."""

    @property
    def has_room(self) -> bool:
        """True while the socket is not full, and once the connection is lost."""

    @property
    def drained(self) -> asyncio.Event:
        """Set while `has_room`."""

    @property
    def taken(self) -> int:
        """A number that rises while the client takes bytes from a full socket."""

    @property
    def is_gone(self) -> bool:
        """True where the client's machine acknowledges nothing, and no ping of the server will show it."""

    @property
    def deflate(self) -> Deflate | None:
        """The compression that was negotiated, if any."""
