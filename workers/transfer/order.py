"""What is to be fetched, into which file, and who is told of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from workers.http.response import RemoteFile
from workers.transfer.fetch_options import FetchOptions

OnSource = Callable[[RemoteFile], Awaitable[None]]
OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Transfer:
    """`part` is the caller's own file. `on_source` and `on_bytes` as in fetch.fetch."""

    session: aiohttp.ClientSession
    url: str
    part: Path
    on_bytes: OnBytes
    on_source: OnSource
    terms: FetchOptions

    async def check_room(self, received: int, total: int | None) -> None:
        """Raises TooLarge and NoRoom."""
        if self.terms.room is not None:
            self.terms.room.check_size(received, total)
            await self.terms.room.check_free_space(total - received if total is not None else 0)
