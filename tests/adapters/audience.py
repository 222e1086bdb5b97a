"""Clients of two front-ends that follow a task, and what they are told of it."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from tests.conditions import eventually, until
from tests.job_ends import ends_until, first_end, the_end
from tests.jobs import history_at
from tests.service import FrontEnd, Program
from tests.valkey import Valkey

Event = dict[str, object]
LOST = "its process was lost"
RETRIED = ["started 1", "queued 2 the tape is busy", "started 2", "complete 2"]
FINISHES_OR_RAISES = pytest.mark.parametrize(
    ("end", "kind", "message", "result"),
    [("finish", "job_complete", None, {"frames": 2}), ("raise", "job_error", "the film is torn", None)],
)


@dataclass
class Service:
    """Two front-ends on one Valkey, and the Valkey of a queue."""

    folder: Path
    valkey: Valkey
    queue: Valkey
    front_end: FrontEnd
    other: FrontEnd

    @property
    def environment(self) -> dict[str, str]:
        return {"REDIS_URL": self.valkey.url, "BROKER_URL": self.queue.url.removesuffix("/0")}

    @contextmanager
    def program(self, *command: str, **environment: str) -> Iterator[Program]:
        """Run a Python program until the end of the block."""
        log = self.folder / f"program-{len(list(self.folder.iterdir()))}.log"
        program = Program(list(command), log, **(self.environment | environment))
        try:
            yield program
        finally:
            program.stop()


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

    async def cancel_running(self, job_id: str, folder: Path) -> Event:
        """Cancel the task of that folder once it runs; return its end."""
        await running(folder)
        await self.cancel(job_id)
        event = await self.the_end(job_id)
        assert (event["type"], event["command_id"], event["attempt"]) == ("job_cancelled", "c1", 1)
        return event

    async def stop_past_its_lease(self, job_id: str, folder: Path) -> None:
        """Stop the process of the task of that folder until the loss is told; then let it go on to its good end."""
        process = await running(folder)
        os.kill(process, signal.SIGSTOP)
        assert (await self.first_end(job_id))["error_message"] == LOST
        (folder / "finish").touch()
        os.kill(process, signal.SIGCONT)

    async def retried(self, job_id: str) -> list[str]:
        """Return the story of a task that fails once and is done at its second attempt."""
        event = await self.the_end(job_id)
        assert (event["type"], event["attempt"], event["result"]) == ("job_complete", 2, "done")
        return await self.story(job_id, "job_complete")

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


async def end_behind_a_restart(service: Service, job_id: str, folder: Path, servers: str = "ours") -> None:
    """Restart Redis while the task of that folder runs; assert that its good end is told all the same.

    `servers`: ours, or both, the queue's own one, too.
    """
    await running(folder)
    restarted = [service.valkey, service.queue][: 1 if servers == "ours" else 2]
    for server in restarted:
        server.kill()
    (folder / "finish").touch()
    for server in restarted:
        server.start()
    for front_end in (service.front_end, service.other):
        await front_end.ready()
    async with audience_of(service) as audience:
        event = await audience.the_end(job_id)
    assert (event["type"], event["attempt"]) == ("job_complete", 1)
