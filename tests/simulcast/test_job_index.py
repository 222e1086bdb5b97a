"""The index of jobs: each list is that of the records, whatever happened and whichever release did it."""

import random
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from typing import cast, get_args

import pytest
import redis.asyncio

from simulcast.errors import LeaseLost
from simulcast.jobs import Jobs, Lease, ReleaseState
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Action, Command
from simulcast.model.job_page import Cursor
from simulcast.model.job_record import ENDS, STATES, JobRecord, Query, Sort, State
from simulcast.model.own_job import about
from simulcast.own_jobs import OwnJobs
from tests.jobs import URL
from tests.older_release import older_release

ACTIONS: tuple[Action, ...] = ("pause", "resume", "cancel", "retry", "delete", "relink")
OWNERS = ("", "ada", 'b","owner":"ä')
SORTS: tuple[Sort, ...] = ("created_at", "updated_at", "ended_at")
Record = dict[str, str]


async def stored(client: redis.asyncio.Redis, channel: str) -> dict[str, Record]:
    prefix = ChannelNames(channel).job_prefix
    records = {}
    async for key in client.scan_iter(f"{prefix}*"):
        fields = cast(dict[bytes, bytes], await client.hgetall(key))
        records[key.decode().removeprefix(prefix)] = {name.decode(): text.decode() for name, text in fields.items()}
    return {key: record for key, record in records.items() if "family" not in record}


def expected(records: Iterable[tuple[str, Record]], state: State | None, owner: str, sort: Sort) -> list[str]:
    field = "created_at" if sort == "created_at" else "change"
    states = (state,) if state else ENDS if sort == "ended_at" else STATES
    matches = [
        (int(record[field]), key.encode())
        for key, record in records
        if record["state"] in states and owner in ("", record.get("owner", ""))
    ]
    return [key.decode() for _, key in sorted(matches)]


async def read_on(jobs: Jobs, query: Callable[[Cursor | None, int], Query], by_offset: bool) -> list[str]:
    records: list[JobRecord] = []
    page = await jobs.list(query(None, 0))
    while page.records:
        records += page.records
        if not by_offset and page.next_cursor is None:
            break
        page = await jobs.list(query(None if by_offset else page.next_cursor, len(records)))
    assert page.total == len(records)
    return [record.download_id for record in records]


async def assert_lists_are_those_of_the_records(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str, rng: random.Random
) -> None:
    records = await stored(client, channel)
    for state in (None, *STATES):
        for owner in OWNERS:
            for sort in SORTS:
                wanted = expected(records.items(), state, owner, sort)
                limit, descending = rng.randrange(1, 9), rng.random() < 0.5

                def query(cursor: Cursor | None, offset: int) -> Query:
                    return Query(state, sort, descending, offset, limit, owner, cursor=cursor)  # noqa: B023

                found = await read_on(jobs, query, by_offset=rng.random() < 0.5)
                assert found == (wanted[::-1] if descending else wanted), (state, owner, sort)


class Walk:
    """Random changes of the downloads of one channel."""

    def __init__(self, rng: random.Random, jobs: Jobs, any_jobs: OwnJobs) -> None:
        self._rng = rng
        self._jobs = jobs
        self._any_jobs = any_jobs
        self._leases: list[Lease] = []
        self._count = 0

    async def step(self) -> None:
        await self._rng.choices([self._submit, self._claim, self._finish, self._command, self._own], [4, 3, 2, 4, 1])[
            0
        ]()

    async def _submit(self) -> None:
        self._count += 1
        await self._jobs.submit(f"{URL}{self._count}", f"d{self._count}", owner=self._rng.choice(OWNERS))

    async def _claim(self) -> None:
        if lease := await self._jobs.claim("h:1", 600):
            self._leases.append(lease)

    async def _finish(self) -> None:
        if self._leases:
            lease = self._leases.pop(self._rng.randrange(len(self._leases)))
            with suppress(LeaseLost):
                await self._jobs.finish(lease, self._rng.choice(get_args(ReleaseState)), {}, {})

    async def _command(self) -> None:
        download_id = f"d{self._rng.randrange(self._count + 1)}"
        await self._jobs.command(Command(self._rng.choice(ACTIONS), download_id, url=f"{URL}?again"))

    async def _own(self) -> None:
        self._count += 1
        await self._any_jobs.queue(f"j{self._count}", about(f"j{self._count}", "", ""))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("old_share", [0.0, 0.3])
async def test_each_list_is_that_of_the_records_also_while_an_older_release_changes_them(
    seed: int, old_share: float, jobs: Jobs, any_jobs: OwnJobs, client: redis.asyncio.Redis, channel: str
) -> None:
    rng = random.Random(seed)
    walk = Walk(rng, jobs, any_jobs)
    for n in range(90):
        with older_release() if rng.random() < old_share else nullcontext():
            await walk.step()
        if n % 45 == 44:
            await assert_lists_are_those_of_the_records(jobs, client, channel, rng)


@pytest.mark.parametrize("loss", ["meta", "jobs_by_creation", "jobs_by_change", "history"])
async def test_an_index_that_lost_its_place_is_made_again_by_the_next_list(
    loss: str, jobs: Jobs, any_jobs: OwnJobs, client: redis.asyncio.Redis, channel: str
) -> None:
    rng, names = random.Random(0), ChannelNames(channel)
    walk = Walk(rng, jobs, any_jobs)
    for _ in range(30):
        await walk.step()
    for key in await stored(client, channel):  # several at one time
        at = rng.randrange(1, 4)
        await client.hset(names.job_prefix + key, mapping={"created_at": at, "change": at})
        await client.zadd(names.job_keys[0], {key: at})
    with older_release():
        await walk.step()
    await client.delete(names.meta.replace(":meta", f":{loss}"))
    await client.hdel(names.meta, "indexed")
    await assert_lists_are_those_of_the_records(jobs, client, channel, rng)


async def test_a_record_that_an_operator_deleted_leaves_the_lists(
    jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    for name in "abc":
        await jobs.submit(URL, name, owner="ada")
    await client.delete(ChannelNames(channel).job_prefix + "b")
    for query in (Query(owner="ada"), Query(sort="updated_at"), Query()):
        assert [record.download_id for record in (await jobs.list(query)).records] == ["c", "a"]
        assert (await jobs.list(query)).total == 2


async def test_progress_leaves_the_index_alone(jobs: Jobs, client: redis.asyncio.Redis, channel: str) -> None:
    await jobs.submit(URL, "a")
    lease = await jobs.claim("h:1", 60)
    assert lease is not None
    names = ChannelNames(channel)
    keys = [names.meta.replace("meta", f"jobs_by_{order}") for order in ("creation", "change")]
    before = [await client.zrange(key, 0, -1, withscores=True) for key in keys]
    for n in range(3):
        await jobs.progress(
            lease, b'{"type":"download_progress","download_id":"a","progress":0.5}', {"received": str(n)}
        )
    assert [await client.zrange(key, 0, -1, withscores=True) for key in keys] == before
    assert await client.hget(names.meta, "indexed") is not None


@pytest.mark.parametrize("seed", range(2))
async def test_the_functions_keep_the_index_in_the_step_of_each_change(
    seed: int, jobs: Jobs, any_jobs: OwnJobs, client: redis.asyncio.Redis, channel: str
) -> None:
    walk, names = Walk(random.Random(seed), jobs, any_jobs), ChannelNames(channel)
    for _ in range(40):
        await walk.step()
        records = await stored(client, channel)
        for order, field in (("creation", "created_at"), ("change", "change")):
            scored = await client.zrange(names.meta.replace("meta", f"jobs_by_{order}"), 0, -1, withscores=True)
            assert {key.decode(): int(score) for key, score in cast(list[tuple[bytes, float]], scored)} == {
                key: STATES.index(cast(State, record["state"])) * 10**13 + int(record[field])
                for key, record in records.items()
            }


@pytest.mark.parametrize("kind", ["downloads", "jobs"])
async def test_a_channel_whose_first_call_adds_a_job_is_indexed_from_then_on(
    kind: str, jobs: Jobs, any_jobs: OwnJobs, client: redis.asyncio.Redis, channel: str
) -> None:
    if kind == "downloads":
        await jobs.submit(URL)
    else:
        await any_jobs.queue("j", about("j", "", ""))
    fields = await client.hmget(ChannelNames(channel).meta, ["epoch", "offset", "indexed"])
    epoch, offset, indexed = (text.decode() for text in cast(list[bytes], fields))
    assert indexed == f"{epoch}-{offset}"
