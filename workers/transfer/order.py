"""What is to be fetched, into which file, and who is told of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from workers.http.response import Source
from workers.transfer.fetch_options import Terms

OnSource = Callable[[Source], Awaitable[None]]
OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Order:
    """`part` is the caller's own file. `on_source` and `on_bytes` as in fetch.fetch."""

    session: aiohttp.ClientSession
    url: str
    part: Path
    on_bytes: OnBytes
    on_source: OnSource
    terms: Terms

    async def check_room(self, received: int, total: int | None) -> None:
        """Raises TooLarge and NoRoom."""
        if self.terms.room is not None:
            self.terms.room.check_size(received, total)
            await self.terms.room.check_free(total - received if total is not None else 0)
