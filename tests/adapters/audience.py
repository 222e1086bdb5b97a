"""Clients of two front-ends that follow a task, and what they are told of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.client import ClientConnection

from tests.adapters.conftest import Service
from tests.conditions import eventually, until
from tests.job_ends import ends_until, first_end, the_end
from tests.jobs import history_at

Event = dict[str, object]


@dataclass
class Audience:
    """A client that stays, and one of another front-end."""

    service: Service
    client: ClientConnection
    other: ClientConnection

    async def the_end(self, job_id: str) -> Event:
        """Return the one end that both are told, and one that comes later, too."""
        event = await the_end(self.service.front_end, self.client, job_id)
        assert await ends_until(self.other, f'"of":"{job_id}"', job_id) == [event]
        return event

    async def first_end(self, job_id: str) -> Event:
        return await first_end(self.client, job_id)

    async def cancel(self, job_id: str) -> None:
        """Ask for the end, as a client does."""
        assert (await self.service.front_end.post(f"/jobs/{job_id}/cancel?command_id=c1", None))[0] == 200

    async def events(self, job_id: str) -> list[Event]:
        """Return the events of a job, its progress aside."""
        events = await history_at(self.service.valkey.url)
        return [event for event in events if event.get("job_id") == job_id and event["type"] != "job_progress"]

    async def story(self, job_id: str, end: str) -> list[str]:
        """Return type, attempt and error of each event of a job, once it has ended so.

        Its announcement is left out: one that comes after the start changes nothing.
        """

        async def has_ended() -> bool:
            events = await self.events(job_id)
            return bool(events) and events[-1]["type"] == end

        await eventually(has_ended, f"{end} of {job_id}")
        texts = [
            f"{event['type']} {event['attempt']} {event.get('error_message', '')}"
            for event in await self.events(job_id)
        ]
        return [text.removeprefix("job_").rstrip() for text in texts if text != "job_queued 1 "]


@asynccontextmanager
async def audience_of(service: Service) -> AsyncIterator[Audience]:
    async with await service.front_end.connect() as client, await service.other.connect() as other:
        yield Audience(service, client, other)
        for connection in (client, other):
            connection.transport.abort()  # one that reads no more closes late


async def running(folder: Path) -> int:
    """Return the process that runs the task of that folder, once it does."""
    await until((folder / "running").exists, "the start of the task")
    return int((folder / "running").read_text())
