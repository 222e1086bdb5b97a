"""The calls of a worker of any kind, where its lease is lost, its server is away, or its download is changed."""

from simulcast.broker import Broker
from simulcast.job_queue import JobQueue
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from tests.conditions import eventually
from tests.jobs import URL, history
from tests.valkey import Valkey


async def test_an_owner_whose_lease_has_passed_on_reads_that_and_changes_nothing(own_valkey: Valkey) -> None:
    broker = Broker.connect(own_valkey.url)
    jobs = Jobs.connect(own_valkey.url, broker)
    await jobs.submit(URL, "a")
    async with JobQueue(own_valkey.url, lease_s=0.2) as queue:
        job = await queue.claim()
        assert (job.download_id, job.url) == ("a", URL)

        async def is_taken() -> bool:
            return await jobs.claim("other:1", 30) is not None

        await eventually(is_taken, "the takeover")
        await job.report(5, 10, 1)
        assert await job.desired() == "lost"
        assert await job.end("complete", file_path="/wrong") == "lost"
    record = await jobs.get("a")
    assert (record.state, record.received_bytes, record.file_path) == ("running", 0, None)
    await jobs.aclose()
    await broker.aclose()


async def test_an_owner_that_does_not_reach_redis_for_most_of_its_lease_counts_it_as_lost(own_valkey: Valkey) -> None:
    broker = Broker.connect(own_valkey.url)
    jobs = Jobs.connect(own_valkey.url, broker)
    await jobs.submit(URL, "a")
    await jobs.aclose()
    await broker.aclose()
    async with JobQueue(own_valkey.url, lease_s=2) as queue:
        job = await queue.claim()
        own_valkey.stop()
        await job.report(5, 10, 1)
        assert await job.desired() == "running", "a short absence costs nothing"

        async def is_lost() -> bool:
            return await job.desired() == "lost"

        await eventually(is_lost, "the end of the lease")


async def test_an_owner_ends_a_job_as_it_is_desired_and_hands_it_back_where_nothing_is(own_valkey: Valkey) -> None:
    broker = Broker.connect(own_valkey.url)
    jobs = Jobs.connect(own_valkey.url, broker)
    await jobs.submit(URL, "a")
    async with JobQueue(own_valkey.url) as queue:
        job = await queue.claim()
        await jobs.command(Command("limit", "a", bytes_per_s=7))
        assert (await job.desired(), job.limit_bytes_per_s) == ("running", 7)
        assert await job.end() == "queued"
        job = await queue.claim()
        await jobs.command(Command("relink", "a", url=f"{URL}&fresh"))
        assert await job.desired() == "queued"
        assert await job.end() == "queued"
        job = await queue.claim()
        assert job.url == f"{URL}&fresh"
        await jobs.command(Command("pause", "a"))
        assert await job.desired() == "paused"
        assert await job.end() == "paused"
        await jobs.command(Command("resume", "a"))
        job = await queue.claim()
        await job.report(10, 10)
        assert await job.end("complete", file_path="/videos/a b.mp4") == "complete"
    record = await jobs.get("a")
    assert (record.state, record.name, record.file_path) == ("complete", "a b.mp4", "/videos/a b.mp4")
    events = await history(broker, "downloads")
    assert [event["progress"] for event in events if event["type"] == "download_progress"][-1] == 1.0
    assert "secret" not in str(events)
    await jobs.aclose()
    await broker.aclose()
