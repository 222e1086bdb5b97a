"""Lists of downloads, by one client and by a crowd."""

import asyncio
from collections.abc import Sequence

import pytest
import redis.asyncio

from simulcast.jobs import Jobs
from simulcast.model.job_record import JobRecord, Query
from tests.conditions import until
from tests.jobs import URL, claim_job


def record_readings(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many records each reading reads, from now on."""
    readings: list[int] = []
    read = jobs._list._records

    async def record(client: redis.asyncio.Redis, ids: Sequence[bytes]) -> list[JobRecord]:
        readings.append(len(ids))
        return await read(client, ids)

    monkeypatch.setattr(jobs._list, "_records", record)
    return readings


async def test_records_are_listed_by_state_in_an_order_a_page_at_a_time(jobs: Jobs) -> None:
    for name in ("b", "c", "a"):
        await jobs.submit(f"http://example.com/{name}")
    await jobs.finish(await claim_job(jobs), "error", {"error": "no"}, {"error_message": "no"})

    async def names(query: Query) -> tuple[list[str], int]:
        records, total = await jobs.list(query)
        return [record.name for record in records], total

    assert await names(Query()) == (["a", "c", "b"], 3)
    assert await names(Query(descending=False, offset=1, limit=1)) == (["c"], 3)
    assert await names(Query(offset=3)) == ([], 3)
    assert await names(Query(sort="name", descending=False)) == (["a", "b", "c"], 3)
    assert await names(Query(sort="name", offset=1, limit=1)) == (["b"], 3)
    assert (await names(Query(state="error")))[1] == 1
    assert (await names(Query(state="queued")))[1] == 2
    assert (await names(Query(sort="total_bytes")))[1] == 3


@pytest.mark.parametrize("query", [Query(), Query(sort="name")])
async def test_a_crowd_that_lists_shares_two_readings_and_sees_what_was_submitted_before(
    query: Query, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = record_readings(jobs, monkeypatch)
    first = asyncio.create_task(jobs.list(query))
    await until(lambda: read, "the first reading")
    await jobs.submit(URL)
    crowd = await asyncio.gather(*(jobs.list(query) for _ in range(100)))
    assert {total for _, total in crowd} == {1}
    await first
    assert read == [0, 1]


async def test_a_page_in_the_order_of_creation_reads_no_other_record(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        await jobs.submit(f"{URL}?{number}")
    read = record_readings(jobs, monkeypatch)
    pages = await asyncio.gather(*(jobs.list(Query(offset=offset, limit=3)) for offset in (0, 3, 6, 9)))
    assert len({record.download_id for records, _ in pages for record in records}) == 10
    assert read == [3, 3, 3, 1]
