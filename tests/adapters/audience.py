"""Clients of two front-ends that follow a task, and what they are told of it."""

import asyncio
import json
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from simulcast.broker import Broker
from tests.conditions import DEADLINE_S, eventually, until
from tests.jobs import history_at
from tests.service import FrontEnd, Program
from tests.valkey import Valkey

Event = dict[str, object]
ENDS = {f"job_{end}" for end in ("complete", "error", "cancelled", "deleted")}
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
class Client:
    """A client that keeps the ends it is told until a test asks for them: other jobs may end first."""

    connection: ClientConnection
    ends: list[Event] = field(default_factory=list)

    async def first_end(self, job_id: str) -> Event:
        """Return the first end of the job that was not returned yet. Raises TimeoutError if none comes."""
        async with asyncio.timeout(DEADLINE_S):
            while not (ends := self._take(job_id, 1)):
                await self._receive()
        return ends[0]

    async def ends_until(self, marker: str, job_id: str) -> list[Event]:
        """Return the ends of the job that came before that text, and were not returned yet."""
        async with asyncio.timeout(DEADLINE_S):
            while marker not in await self._receive():
                pass
        return self._take(job_id)

    async def _receive(self) -> str:
        text = str(await self.connection.recv())
        event: Event = json.loads(text)
        self.ends += [event] if event["type"] in ENDS else []
        return text

    def _take(self, job_id: str, number: int | None = None) -> list[Event]:
        taken = [event for event in self.ends if event["job_id"] == job_id][:number]
        self.ends = [event for event in self.ends if event not in taken]
        return taken


@dataclass
class Audience:
    """A client that stays, and one of another front-end."""

    service: Service
    client: Client
    other: Client

    async def the_end(self, job_id: str) -> Event:
        """Return the one end that both are told, and one that comes later, too."""
        return await self.told_once(await self.first_end(job_id))

    async def told_once(self, end: Event) -> Event:
        """Return the end that the client was told, once the others were told it, too, and nobody another one."""
        marker, job_id = secrets.token_hex(8), str(end["job_id"])
        broker = Broker.connect(self.service.valkey.url)
        try:
            async with await self.service.front_end.connect() as later:
                await broker.publish({"type": "marker", "marker": marker})
                told = [await each.ends_until(marker, job_id) for each in (self.client, self.other, Client(later))]
        finally:
            await broker.aclose()
        assert told == [[], [end], [end]]
        return end

    async def first_end(self, job_id: str) -> Event:
        return await self.client.first_end(job_id)

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

    async def stop_past_its_lease(self, job_id: str, folder: Path) -> Event:
        """Stop the process of the task of that folder until the loss is told; then let it go on to its good end."""
        process = await running(folder)
        os.kill(process, signal.SIGSTOP)
        event = await self.first_end(job_id)
        assert event["error_message"] == LOST
        (folder / "finish").touch()
        os.kill(process, signal.SIGCONT)
        return event

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
        yield Audience(service, Client(client), Client(other))
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
    async with audience_of(service) as audience:
        for server in restarted:
            server.kill()
        (folder / "finish").touch()
        for server in restarted:
            server.start()
        for front_end in (service.front_end, service.other):
            await front_end.ready()
        event = await audience.the_end(job_id)
    assert (event["type"], event["attempt"]) == ("job_complete", 1)
