"""The handles of `simulcast.job` and `simulcast.sync`: which end a block stands for, and what it costs the code."""

import asyncio
import contextvars
import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

import simulcast
import simulcast.sync
from simulcast.broker import Broker
from simulcast.errors import InvalidEvent, JobCancelled, JobTaken
from simulcast.job_keeper import JobKeeper
from simulcast.model.commands import JobCommand
from simulcast.own_jobs import OwnJobs
from simulcast.sync import current_job, track
from tests.conditions import eventually, until
from tests.forks import CHILD_TIMEOUT_S, in_child
from tests.jobs import history_at
from tests.valkey import Valkey

pytestmark = pytest.mark.usefixtures("keeper")


async def ends(valkey: Valkey, channel: str) -> list[tuple[object, object]]:
    events = await history_at(valkey.url, channel)
    return [
        (event["type"], event.get("error_message"))
        for event in events
        if event["type"] not in ("job_started", "job_progress")
    ]


async def cancel(valkey: Valkey, channel: str, job_id: str) -> None:
    broker = Broker.connect(valkey.url)
    jobs = OwnJobs.connect(valkey.url, broker, channel)
    assert await jobs.command(JobCommand("cancel_job", job_id)) is None
    await jobs.aclose()
    await broker.aclose()


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (None, ("job_complete", None)),
        (ValueError("torn"), ("job_error", "torn")),
        (ValueError(), ("job_error", "ValueError")),
        (SystemExit(0), ("job_complete", None)),
        (SystemExit(3), ("job_error", "it exited with 3")),
        (KeyboardInterrupt(), ("job_cancelled", None)),
        (asyncio.CancelledError(), ("job_cancelled", None)),
        (JobCancelled("a"), ("job_cancelled", None)),
        (ValueError("half \ud800 of a pair"), ("job_error", "half ? of a pair")),
        (Speechless(), ("job_error", "Speechless")),
        (ExceptionGroup("of a group", [ValueError("torn"), OSError()]), ("job_error", "torn; OSError")),
        (ExceptionGroup("of a group", [JobCancelled("a")]), ("job_cancelled", None)),
        (
            ExceptionGroup("of a group", [JobCancelled("a"), OSError("torn")]),
            ("job_error", "job a was cancelled; torn"),
        ),
    ],
)
async def test_the_end_of_a_block_is_the_end_of_its_job(
    error: BaseException | None, end: tuple[str, str | None], valkey: Valkey, channel: str
) -> None:
    with suppress(BaseException):
        async with simulcast.job("a", channel=channel):
            if error is not None:
                raise error
    with suppress(BaseException):
        await asyncio.to_thread(run_sync, channel, error)
    assert await ends(valkey, channel) == [end, end]


def run_sync(channel: str, error: BaseException | None) -> None:
    with simulcast.sync.job("b", channel=channel):
        if error is not None:
            raise error


async def test_a_cancel_that_was_seen_ends_the_job_as_cancelled(valkey: Valkey, channel: str) -> None:
    async with simulcast.job("a", channel=channel) as job:
        await cancel(valkey, channel, "a")
        while not job.cancel_requested:
            await job.progress(0.5)
    assert job.outcome == "cancelled"


@pytest.mark.parametrize("has_looked", [True, False])
async def test_a_cancel_that_the_work_overtook_is_named_by_its_end(
    has_looked: bool, valkey: Valkey, channel: str
) -> None:
    async with simulcast.job("a", channel=channel) as job:
        await cancel(valkey, channel, "a")
        while not job._tenure.cancel_requested:
            await job.progress(0.5)
        if has_looked:
            assert job.cancel_requested
            job.result = {"frames": 2}
    assert (await history_at(valkey.url, channel))[-1]["overtaken"] == "cancel"


async def test_the_newest_progress_is_published_and_most_of_it_is_not(valkey: Valkey, channel: str) -> None:
    async with simulcast.job("a", channel=channel) as job:
        for done in range(1001):
            await job.progress(done=done, total=2000, unit="frames", message="scene 1")

        async def is_published() -> bool:
            return (await history_at(valkey.url, channel))[-1].get("done") == 1000

        await eventually(is_published, "the newest progress")
    events = await history_at(valkey.url, channel)
    assert len(events) < 50
    assert (events[-1]["progress"], events[-1]["done"], events[-1]["message"]) == (1.0, 2000, "scene 1")


async def test_wrong_arguments_are_named(channel: str) -> None:
    with pytest.raises(InvalidEvent, match="job_id has 1 to 200 characters"):
        simulcast.job("")
    with pytest.raises(ValueError, match="a channel has"):
        simulcast.job("a", channel="a b")
    async with simulcast.job("a", channel=channel) as job:
        with pytest.raises(InvalidEvent, match="divide a percentage by 100"):
            job.progress(50)
        with pytest.raises(InvalidEvent, match="done is a number"):
            job.progress(done="1")  # type: ignore[arg-type]
        with pytest.raises(InvalidEvent, match="at most 16,384 bytes"):
            job.result = "x" * 17_000
        with pytest.raises(InvalidEvent, match="can't be written as JSON"):
            job.result = object()


async def test_a_second_entry_is_refused_while_the_first_one_renews(
    channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobKeeper, "lease_s", 1.0)
    async with simulcast.job("a", channel=channel):
        with pytest.raises(JobTaken):
            async with simulcast.job("a", channel=channel):
                pass
    async with simulcast.job("a", channel=channel) as again:
        assert again.attempt == 2


async def test_code_that_is_deep_inside_reaches_its_job(valkey: Valkey, channel: str) -> None:
    async with simulcast.job("a", channel=channel) as job:
        assert simulcast.current_job() is job
        assert await asyncio.to_thread(current_job) is job
        await current_job().progress(0.5)
        async with simulcast.job("b", channel=channel) as inner:
            assert simulcast.current_job() is inner
        assert simulcast.current_job() is job
    current_job().progress(0.5)
    await current_job().progress(0.5)


def test_a_pool_of_threads_runs_jobs_side_by_side(valkey: Valkey, channel: str) -> None:
    def work(number: int) -> object:
        with simulcast.sync.job(f"j{number}", channel=channel) as job:
            job.progress(0.5)
        return job.outcome

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(64))) == ["complete"] * 64
    assert len(asyncio.run(ends(valkey, channel))) == 64


def test_a_child_reports_progress_of_its_parents_job_and_ends_nothing(valkey: Valkey, channel: str) -> None:
    with simulcast.sync.job("a", channel=channel) as job:

        def work() -> None:
            with ExitStack() as stack:
                stack.push(job)  # whose block the child leaves
                current_job().progress(0.7)
                while asyncio.run(history_at(valkey.url, channel))[-1].get("progress") != 0.7:
                    time.sleep(0.05)

        assert in_child(work) == 0
        assert asyncio.run(ends(valkey, channel)) == []
    assert asyncio.run(ends(valkey, channel)) == [("job_complete", None)]


def test_a_child_that_is_forked_while_another_thread_begins_a_job_runs_its_own(valkey: Valkey, channel: str) -> None:
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            with simulcast.sync.job("parents", channel=channel):
                pass

    def work() -> None:
        with simulcast.sync.job("childs", channel=channel) as job:
            pass
        assert job.outcome == "complete"

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(go_on)
        try:
            assert [in_child(work) for _ in range(5)] == [0] * 5
        finally:
            stop.set()
        running.result(CHILD_TIMEOUT_S)


@pytest.mark.parametrize("items", [range(3), iter(range(3)), [0, 1, 2]])
def test_a_tracked_loop_ends_with_its_items(items: "range | list[int]", valkey: Valkey, channel: str) -> None:
    assert list(track(items, "a", channel=channel)) == [0, 1, 2]
    event = asyncio.run(history_at(valkey.url, channel))[-1]
    total = None if not hasattr(items, "__len__") else 3
    assert (event["type"], event["progress"], event["done"], event.get("total")) == ("job_complete", 1.0, 3, total)


@pytest.mark.parametrize("leave", ["break", "collected"])
def test_a_tracked_loop_that_is_left_is_cancelled(leave: str, valkey: Valkey, channel: str) -> None:
    items = track([1, 2, 3], "a", channel=channel)
    assert next(items) == 1
    if leave == "break":
        items.close()  # type: ignore[attr-defined]
    else:
        del items
        gc.collect()
    assert asyncio.run(ends(valkey, channel)) == [("job_cancelled", None)]
    assert contextvars.copy_context().run(lambda: current_job().id) == "none"


def test_items_that_fail_end_the_job_with_their_error(valkey: Valkey, channel: str) -> None:
    def torn() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        list(track(torn(), "a", channel=channel))
    assert asyncio.run(ends(valkey, channel)) == [("job_error", "torn")]


async def test_a_job_runs_without_redis_and_is_told_later(
    own_valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulcast.job_keeper.START_TIMEOUT_S", 0.2)
    monkeypatch.setattr(JobKeeper, "lease_s", 1.0)
    own_valkey.kill()
    async with simulcast.job("a", channel=channel, url=own_valkey.url) as job:
        assert job.attempt == 0
        await job.progress(0.5)
        own_valkey.start()
        await until(lambda: job.attempt == 1, "the late start")
    assert job.outcome == "complete"
    types = [event["type"] for event in await history_at(own_valkey.url, channel)]
    assert [kind for kind in types if kind != "job_progress"] == ["job_started", "job_complete"]


def test_an_end_that_redis_does_not_take_raises_nothing(
    own_valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulcast.job_keeper.END_TIMEOUT_S", 0.5)
    with simulcast.sync.job("a", channel=channel, url=own_valkey.url) as job:
        own_valkey.kill()
    assert (job.outcome, job.lost) == ("lost", True)


def test_many_leases_of_one_process_are_renewed_together(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobKeeper, "lease_s", 0.5)
    jobs = [simulcast.sync.job(f"j{number}", channel=channel) for number in range(300)]
    for job in jobs:
        job.__enter__()
    with valkey.admin() as admin:
        before = calls_of(admin.info("commandstats"))
        while calls_of(admin.info("commandstats")) < before + 6:
            time.sleep(0.01)
    assert {job.finish("complete") for job in jobs} == {"complete"}


def calls_of(stats: dict[str, dict[str, int]]) -> int:
    return stats.get("cmdstat_fcall", {}).get("calls", 0)
