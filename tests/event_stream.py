"""A reader of server-sent events, as the HTML standard says (§9.2.6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

DEADLINE_S = 60


@dataclass
class Stream:
    """One response. `last_id`: what a browser would send as `Last-Event-ID`; `fields`: all lines that are no data."""

    response: aiohttp.ClientResponse
    last_id: str = ""
    fields: list[str] = field(default_factory=list)

    async def next(self) -> str:
        """Return the next message's data. Raises EOFError at the end of the stream."""
        while True:
            kind, data = await self._event()
            if kind == "message" and data is not None:
                return data

    async def hello(self) -> str:
        """Return the data of the next `hello`. Raises EOFError at the end of the stream."""
        while True:
            kind, data = await self._event()
            if kind == "hello" and data is not None:
                return data

    async def collect(self, until: str) -> list[str]:
        """Return every message up to and with the first that contains `until`."""
        found: list[str] = []
        while not found or until not in found[-1]:
            found.append(await self.next())
        return found

    async def _event(self) -> tuple[str, str | None]:
        kind = "message"
        data: list[str] = []
        async with asyncio.timeout(DEADLINE_S):
            while line := (await self.response.content.readline()).decode():
                name, _, value = line.removesuffix("\n").partition(":")
                value = value.removeprefix(" ")
                if line == "\n":
                    return kind, "\n".join(data) if data else None
                if name == "data":
                    data.append(value)
                    continue
                self.fields.append(line)
                if name == "event":
                    kind = value
                if name == "id":
                    self.last_id = value
        raise EOFError


@asynccontextmanager
async def stream(url: str, last_id: str = "", **headers: str) -> AsyncIterator[Stream]:
    """Read `url`, after the event `last_id` if there is one. The status must be 200."""
    given = {"last-event-id": last_id} | headers if last_id else headers
    async with aiohttp.ClientSession(read_bufsize=2**20) as session, session.get(url, headers=given) as response:
        assert response.status == 200, await response.text()
        yield Stream(response)
