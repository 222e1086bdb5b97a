"""Lists of downloads, by one client and by a crowd."""

import asyncio
from collections.abc import Sequence

import pytest

from simulcast.job_list import MAX_SORTED, _Reading
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from simulcast.model.job_page import Selection, parse_cursor
from simulcast.model.job_record import JobRecord, Query
from simulcast.model.own_job import JobQuery, about
from simulcast.own_jobs import OwnJobs
from tests.conditions import until
from tests.jobs import URL, claim_job


def record_readings(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many records each reading reads, from now on."""
    readings: list[int] = []
    read = jobs._list._read

    async def record(selection: Selection, fields: Sequence[str]) -> _Reading:
        reading = await read(selection, fields)
        readings.append(len(reading.rows))
        return reading

    monkeypatch.setattr(jobs._list, "_read", record)
    return readings


def names(records: Sequence[JobRecord]) -> list[str]:
    return [record.name for record in records]


async def test_records_are_listed_by_state_in_an_order_a_page_at_a_time(jobs: Jobs) -> None:
    for download_id, name in enumerate(("b", "c", "a")):  # which also orders those of one millisecond
        await jobs.submit(f"http://example.com/{name}", str(download_id))
    await jobs.finish(await claim_job(jobs), "error", {"error": "no"}, {"error_message": "no"})

    async def listed(query: Query) -> tuple[list[str], int]:
        page = await jobs.list(query)
        assert page.is_complete
        return names(page.records), page.total

    assert await listed(Query()) == (["a", "c", "b"], 3)
    assert await listed(Query(descending=False, offset=1, limit=1)) == (["c"], 3)
    assert await listed(Query(offset=3)) == ([], 3)
    assert await listed(Query(sort="updated_at")) == (["b", "a", "c"], 3)
    assert await listed(Query(sort="updated_at", offset=1, limit=1)) == (["a"], 3)
    assert await listed(Query(sort="ended_at")) == (["b"], 1)
    assert await listed(Query(sort="ended_at", state="complete")) == ([], 0)
    assert await listed(Query(sort="name", descending=False)) == (["a", "b", "c"], 3)
    assert await listed(Query(sort="name", offset=1, limit=1)) == (["b"], 3)
    assert await listed(Query(state="error")) == (["b"], 1)
    assert await listed(Query(state="queued", descending=False)) == (["c", "a"], 2)
    for sort in ("total_bytes", "progress", "priority"):
        assert (await listed(Query(sort=sort)))[1] == 3


@pytest.mark.parametrize("query", [Query(), Query(sort="name"), Query(state="queued")])
async def test_a_crowd_that_lists_shares_two_readings_and_sees_what_was_submitted_before(
    query: Query, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = record_readings(jobs, monkeypatch)
    first = asyncio.create_task(jobs.list(query))
    await until(lambda: read, "the first reading")
    await jobs.submit(URL)
    crowd = await asyncio.gather(*(jobs.list(query) for _ in range(100)))
    assert {page.total for page in crowd} == {1}
    await first
    assert read == [0, 1]


@pytest.mark.parametrize("query", [Query(), Query(state="queued"), Query(owner="ada", sort="updated_at")])
async def test_a_page_reads_no_other_record(query: Query, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        await jobs.submit(f"{URL}?{number}", owner="ada")
    read = record_readings(jobs, monkeypatch)
    offsets = (0, 3, 6, 9)
    queries = [Query(query.state, query.sort, offset=offset, limit=3, owner=query.owner) for offset in offsets]
    pages = await asyncio.gather(*map(jobs.list, queries))
    assert len({record.download_id for page in pages for record in page.records}) == 10
    assert read == [3, 3, 3, 1]


async def test_a_cursor_goes_on_behind_its_download_whatever_came_or_went_meanwhile(jobs: Jobs) -> None:
    ids = []
    for number in range(6):
        ids.append((await jobs.submit(f"{URL}?{number}")).download_id)
        await asyncio.sleep(0.002)  # each in a millisecond of its own: those of one are in the order of their ids
    page = await jobs.list(Query(state="queued", limit=2))
    assert [record.download_id for record in page.records] == ids[:3:-1]
    await jobs.submit(f"{URL}?later")
    await jobs.command(Command("delete", ids[4]))  # the last one of the page
    await jobs.command(Command("pause", ids[3]))  # the first one of the next page
    assert page.next_cursor is not None
    cursor = parse_cursor(page.next_cursor.encode())
    page = await jobs.list(Query(state="queued", limit=2, cursor=cursor))
    assert [record.download_id for record in page.records] == [ids[2], ids[1]]
    page = await jobs.list(Query(state="queued", limit=2, cursor=page.next_cursor))
    assert ([record.download_id for record in page.records], page.next_cursor) == ([ids[0]], None)


async def test_other_orders_have_cursors_too(jobs: Jobs) -> None:
    for name in "cab":
        await jobs.submit(f"http://example.com/{name}")
    found, cursor = [], None
    for _ in range(3):
        page = await jobs.list(Query(sort="name", descending=False, limit=1, cursor=cursor))
        found += names(page.records)
        cursor = page.next_cursor
    assert (found, cursor) == (["a", "b", "c"], None)


async def test_a_list_may_be_longer_than_one_call_reads(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulcast.job_list._PAGE", 2)
    for number in range(5):
        await jobs.submit(f"{URL}?{number}")
    read = record_readings(jobs, monkeypatch)
    page = await jobs.list(Query(limit=10))
    assert (len(page.records), page.total, page.next_cursor, read) == (5, 5, None, [2, 2, 1])


@pytest.mark.parametrize(
    "search", ["debian", "DEBIAN", "bian-13", "mirror.example.com:8080", "Äpfel", "ÄPFEL", "äpfel"]
)
async def test_a_search_finds_a_text_in_name_and_host_whatever_its_letters_case(jobs: Jobs, search: str) -> None:
    await jobs.submit("http://mirror.example.com:8080/Debian-13_Äpfel.iso")
    await jobs.submit("http://example.com/other.iso?debian")
    page = await jobs.list(Query(search=search))
    assert ([record.name[:6] for record in page.records], page.total, page.is_complete) == (["Debian"], 1, True)
    assert (await jobs.list(Query(search=search, state="paused"))).total == 0


async def test_a_search_is_paged_by_offset_and_cursor(jobs: Jobs) -> None:
    for number in range(6):
        await jobs.submit(f"http://example.com/{'ab'[number % 2]}-{number}")
    assert names((await jobs.list(Query(search="a-", limit=1, offset=1))).records) == ["a-2"]
    page = await jobs.list(Query(search="a-", limit=2))
    assert (names(page.records), page.total) == (["a-4", "a-2"], 3)
    page = await jobs.list(Query(search="a-", limit=2, cursor=page.next_cursor))
    assert (names(page.records), page.next_cursor) == (["a-0"], None)


async def test_a_search_among_many_says_that_it_was_cut_short_and_goes_on_at_its_cursor(own_jobs: Jobs) -> None:
    await own_jobs.submit("http://example.com/needle")
    await asyncio.gather(*(own_jobs.submit(f"http://example.com/hay{number}") for number in range(2000)))
    page = await own_jobs.list(Query(search="needle"))
    assert (page.records, page.total, page.is_complete) == ([], 0, False)
    page = await own_jobs.list(Query(search="needle", cursor=page.next_cursor))
    assert (names(page.records), page.is_complete, page.next_cursor) == (["needle"], True, None)
    page = await own_jobs.list(Query(sort="name", descending=False, limit=1))
    assert (page.total, page.is_complete, len(page.records)) == (2001, MAX_SORTED > 2001, 1)


async def test_jobs_are_listed_by_state_kind_and_owner(any_jobs: OwnJobs) -> None:
    kinds = {"a": ("render", "ada"), "b": ('x","kind":"render', "ada"), "c": ("render", ""), "d": ("render", "bob")}
    for job_id, (kind, owner) in kinds.items():
        await any_jobs.queue(job_id, about(job_id, kind, "", owner))
    await any_jobs.start("a", about("a", "render", ""), "t", "here")

    async def listed(query: JobQuery) -> list[str]:
        return [record.job_id for record in (await any_jobs.list(query)).records]

    assert await listed(JobQuery()) == ["d", "c", "b", "a"]
    assert await listed(JobQuery(kind="render")) == ["d", "c", "a"]
    assert await listed(JobQuery(kind="render", state="queued", limit=1, offset=1)) == ["c"]
    assert await listed(JobQuery(owner="ada")) == ["b", "a"]
    assert await listed(JobQuery(owner="ada", state="running")) == ["a"]
    await any_jobs.end("a", "t", "complete")
    await any_jobs.start("a", about("a", "render", "", "bob"), "t2", "here")
    assert await listed(JobQuery(owner="ada")) == ["b"]
    assert await listed(JobQuery(owner="bob", state="running")) == ["a"]


@pytest.mark.parametrize("text", ["", "x", "a b", "ä", "AAAA", "OTk5OTk5OTk5OTk5OTk5OTk5OSBh"])
def test_a_text_that_no_list_gave_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="no `next_cursor` of a list"):
        parse_cursor(text)
