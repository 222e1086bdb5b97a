"""Lists of downloads, by one client and by a crowd."""

import asyncio
from collections.abc import Sequence

import pytest
import redis.asyncio

from simulcast.jobs import Jobs
from simulcast.model.job_record import JobRecord, Query
from tests.conditions import until
from tests.jobs import URL, claim_job


async def test_records_are_listed_by_state_in_an_order_a_page_at_a_time(jobs: Jobs) -> None:
    for name in ("b", "c", "a"):
        await jobs.submit(f"http://example.com/{name}")
    await jobs.finish(await claim_job(jobs), "error", {"error": "no"}, {"error_message": "no"})

    async def names(query: Query) -> tuple[list[str], int]:
        records, total = await jobs.list(query)
        return [record.name for record in records], total

    assert await names(Query(sort="name", descending=False)) == (["a", "b", "c"], 3)
    assert await names(Query(sort="name", offset=1, limit=1)) == (["b"], 3)
    assert (await names(Query(state="error")))[1] == 1
    assert (await names(Query(state="queued")))[1] == 2
    assert (await names(Query(sort="total_bytes")))[1] == 3


async def test_a_crowd_that_lists_shares_two_readings_and_sees_what_was_submitted_before(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0
    read = jobs._list._records

    async def count(client: redis.asyncio.Redis) -> Sequence[JobRecord]:
        nonlocal readings
        readings += 1
        return await read(client)

    monkeypatch.setattr(jobs._list, "_records", count)
    first = asyncio.create_task(jobs.list(Query()))
    await until(lambda: readings, "the first reading")
    await jobs.submit(URL)
    crowd = await asyncio.gather(*(jobs.list(Query()) for _ in range(100)))
    assert {total for _, total in crowd} == {1}
    await first
    assert readings == 2
