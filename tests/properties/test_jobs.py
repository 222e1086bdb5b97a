"""Random commands, reports, forgeries and rollbacks of one channel's downloads."""

import random
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import get_args

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.errors import InvalidEvent, LeaseLost
from simulcast.jobs import Jobs, Lease, ReleaseState
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Action, Command, Reason
from simulcast.model.events import END_TYPES, STATE_TYPES
from simulcast.model.job_record import Query
from simulcast.model.position import Position
from simulcast.model.publication import Publication
from tests.conditions import eventually
from tests.jobs import URL

ACTIONS: list[Action] = ["pause", "resume", "cancel", "retry"]
IDS = ["1", "2", "3"]  # with four actions fewer than the 16 results that a record keeps
TRANSITIONS = {  # of a download without an owner
    ("queued", "pause"): "paused",
    ("queued", "cancel"): "cancelled",
    ("paused", "resume"): "queued",
    ("paused", "cancel"): "cancelled",
    ("error", "retry"): "queued",
    ("cancelled", "retry"): "queued",
}
STATES: tuple[ReleaseState, ...] = get_args(ReleaseState)
STEPS = 150
HOUR_MS = 3_600_000


@dataclass
class Known:
    """The part of the model that a rollback takes back."""

    results: dict[tuple[str, Action, str], Reason | None] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)


@dataclass
class Walk:
    rng: random.Random
    jobs: Jobs
    broker: Broker
    client: redis.asyncio.Redis
    channel: str
    known: Known = field(default_factory=Known)
    copies: list[tuple[Known, dict[bytes, bytes]]] = field(default_factory=list)
    changes: dict[tuple[str, str], bytes] = field(default_factory=dict)  # each change of state by key and label
    numbers: Iterator[int] = field(default_factory=count)
    head: Position = field(default_factory=lambda: Position(0, 0))

    async def run(self) -> None:
        steps = [self.submit, self.claim, self.finish, self.forge, self.command, self.command, self.command]
        for _ in range(STEPS):
            step = self.rng.choices([*steps, self.copy, self.roll_back], [4] * len(steps) + [1, 1])[0]
            await step()
            await self.check_new_changes()

    async def new_changes(self) -> list[Publication]:
        before, self.head = self.head, (await self.broker.head(self.channel)).position
        if before.epoch != self.head.epoch:
            before = Position(self.head.epoch, 0)
        publications = await self.broker.history(before, self.head, self.channel)
        return [publication for publication in publications if publication.label[0] in "se"]

    async def check_new_changes(self) -> None:
        """Assert that each of the latest changes of state is new, or the same one again, which a sender had kept."""
        for each in await self.new_changes():
            change = (each.key, each.label)
            assert self.changes.get(change, each.payload) == each.payload
            self.changes[change] = each.payload

    async def submit(self) -> None:
        download_id = f"d{next(self.numbers)}"
        await self.jobs.submit(URL, download_id)
        self.known.ids.append(download_id)

    async def claim(self) -> None:
        if lease := await self.jobs.claim("h:1", 600):
            self.known.leases.append(lease)

    async def finish(self) -> None:
        if self.known.leases:
            lease = self.known.leases.pop(self.rng.randrange(len(self.known.leases)))
            with suppress(LeaseLost):
                await self.jobs.finish(lease, self.rng.choice(STATES), {}, {})

    async def forge(self) -> None:
        """Publish a change of state of a download that is owned."""
        if self.known.ids:
            download_id = self.rng.choice(self.known.ids)
            change = int(await self.client.hget(ChannelNames(self.channel).job_prefix + download_id, "change") or 0)
            event = {"type": self.rng.choice(sorted(END_TYPES | STATE_TYPES)), "download_id": download_id}
            event |= {"file_path": "/forged", "error_message": "forged"}
            numbers = {"attempt": self.rng.randrange(1, 3), "change": change + self.rng.randrange(3)}
            with pytest.raises(InvalidEvent, match="is owned by the service"):
                await self.broker.publish({**event, **numbers}, self.channel)

    async def command(self) -> None:
        """Send a command, whose id may be another command's, or its own for the second time."""
        if not self.known.ids:
            return
        key = (self.rng.choice(self.known.ids[-5:]), self.rng.choice(ACTIONS), self.rng.choice(IDS))
        state = (await self.jobs.get(key[0])).state
        reason = await self.jobs.command(Command(key[1], key[0], key[2]))
        if key in self.known.results:
            assert reason == self.known.results[key]
            assert await self.new_changes() == []
        elif state != "running":
            assert (await self.jobs.get(key[0])).state == TRANSITIONS.get((state, key[1]), state)
            assert (reason is None) == ((state, key[1]) in TRANSITIONS)
        self.known.results[key] = reason

    async def _keys(self) -> list[bytes]:
        return [key async for key in self.client.scan_iter(f"{{{ChannelNames(self.channel).pubsub}}}*", count=1000)]

    async def copy(self) -> None:
        dumps = {key: await self.client.dump(key) for key in await self._keys()}
        self.copies.append((deepcopy(self.known), {key: dump for key, dump in dumps.items() if dump is not None}))

    async def roll_back(self) -> None:
        if not self.copies:
            return
        known, dumps = self.rng.choice(self.copies)
        await self.client.delete(*await self._keys())
        for key, dump in dumps.items():
            await self.client.restore(key, 0, dump, replace=True)
        self.known = deepcopy(known)
        self.head = (await self.broker.head(self.channel)).position


@pytest.mark.parametrize("seed", range(3))
async def test_no_change_repeats_no_command_is_carried_out_twice_and_no_forgery_passes(
    seed: int, jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await Walk(random.Random(seed), jobs, broker, client, channel).run()


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_clock_jumps_every_download_is_claimed_again_and_none_is_set_aside(
    seed: int, jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    rng, names = random.Random(seed), ChannelNames(channel)
    for n in range(8):
        await jobs.submit(URL, f"d{n}")
    for _ in range(rng.randrange(2, 8)):
        lease = await jobs.claim("h:1", rng.uniform(0.05, 0.2))
        if lease is not None and rng.random() < 0.4:
            await jobs.finish(lease, "queued", {"delay_ms": str(rng.randrange(1, 200))})
    jump_ms = rng.randrange(-2 * HOUR_MS, 2 * HOUR_MS)
    for key in names.job_keys[1:3]:  # stored deadlines, as of a clock that differed by so much
        for download_id in (f"d{n}" for n in range(8)):
            if await client.zscore(key, download_id) is not None:
                await client.zincrby(key, jump_ms, download_id)
    alive = await client.hget(names.meta, "alive")
    assert isinstance(alive, bytes)
    epoch, alive_at = alive.decode().split()
    await client.hset(names.meta, "alive", f"{epoch} {int(alive_at) + jump_ms}")

    async def claim_all() -> bool:
        while lease := await jobs.claim("h:2", 600):
            claimed.add(lease.record.download_id)
        return len(claimed) == 8

    claimed: set[str] = set()
    await eventually(claim_all, "a claim of each download", 20)
    records = (await jobs.list(Query())).records
    assert {record.state for record in records} == {"running"}
