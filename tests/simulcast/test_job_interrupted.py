"""Jobs whose code is interrupted while it waits for Redis, and handles that are used in odd ways."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from typing import Any, NoReturn

import pytest

import simulcast
import simulcast.sync
from simulcast.background import shared
from simulcast.errors import InvalidEvent
from simulcast.job_handle import AsyncJob
from simulcast.job_keeper import JobKeeper
from simulcast.model.channel import ChannelNames
from simulcast.sync import track
from tests.conditions import eventually, until
from tests.jobs import history_at
from tests.valkey import Valkey

pytestmark = pytest.mark.usefixtures("keeper")


async def types(valkey: Valkey, channel: str) -> list[object]:
    """Return the types of all events of the channel, progress aside."""
    events = [event["type"] for event in await history_at(valkey.url, channel)]
    return [kind for kind in events if kind != "job_progress"]


async def have_been(expected: list[str], valkey: Valkey, channel: str) -> None:
    async def are() -> bool:
        return await types(valkey, channel) == expected

    await eventually(are, f"the events {expected}")


async def run(job: AsyncJob) -> None:
    async with job:
        await asyncio.Event().wait()


async def test_a_start_whose_caller_is_cancelled_ends_its_job(own_valkey: Valkey, channel: str) -> None:
    shared(JobKeeper, own_valkey.url)
    own_valkey.signal(signal.SIGSTOP)
    job = simulcast.job("a", channel=channel, url=own_valkey.url)
    running = asyncio.create_task(run(job))
    await until(lambda: job._tenure.may_run, "the start")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    own_valkey.signal(signal.SIGCONT)
    await have_been(["job_started", "job_cancelled"], own_valkey, channel)


async def test_a_start_whose_caller_is_cancelled_in_the_moment_of_its_answer_ends_its_job(
    valkey: Valkey, channel: str
) -> None:
    job = simulcast.job("a", channel=channel)
    running = asyncio.create_task(run(job))
    while not job._tenure.started:  # another thread sets it, and this loop has not heard of it yet
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await have_been(["job_started", "job_cancelled"], valkey, channel)
    assert not shared(JobKeeper)._kept


class Interrupt(BaseException):
    """Raised by the handler of a signal."""


def interrupt(*_: object) -> NoReturn:
    raise Interrupt


def test_a_start_that_a_signal_interrupts_ends_its_job(own_valkey: Valkey, channel: str) -> None:
    shared(JobKeeper, own_valkey.url)
    own_valkey.signal(signal.SIGSTOP)
    job = simulcast.sync.job("a", channel=channel, url=own_valkey.url)

    def send_signal() -> None:
        while not job._tenure.may_run:
            pass
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    sender = threading.Thread(target=send_signal)
    sender.start()
    try:
        with pytest.raises(Interrupt), job:
            pass
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
        own_valkey.signal(signal.SIGCONT)
    asyncio.run(have_been(["job_started", "job_cancelled"], own_valkey, channel))


async def test_an_end_whose_wait_is_cancelled_is_told(own_valkey: Valkey, channel: str) -> None:
    job = simulcast.job("a", channel=channel, url=own_valkey.url)
    running = asyncio.create_task(run(job))
    await until(lambda: job._runs, "the start")
    own_valkey.kill()
    running.cancel()
    await until(lambda: job._tenure.is_ending, "the end")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    own_valkey.start()
    await have_been(["job_cancelled"], own_valkey, channel)  # in the epoch that the restart began


async def test_a_run_that_another_one_of_this_process_replaced_is_lost_and_the_other_one_is_not(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobKeeper, "lease_s", 5.0)
    async with simulcast.job("a", channel=channel) as first:
        with valkey.admin() as client:  # as if this process had been stopped for longer than its lease
            client.zadd(ChannelNames(channel).own_job_keys[2], {"a": 1})
        async with simulcast.job("a", channel=channel) as second:
            await until(lambda: first.lost, "the loss")
        assert second.outcome == "complete"
    assert first.outcome == "lost"
    assert await types(valkey, channel) == ["job_started", "job_error", "job_started", "job_complete"]


async def test_a_handle_is_for_one_run(channel: str) -> None:
    job = simulcast.job("a", channel=channel)
    async with job:
        with pytest.raises(RuntimeError, match="make another handle"):
            await job.__aenter__()
    with pytest.raises(RuntimeError, match="make another handle"):
        await job.__aenter__()
    assert job.outcome == "complete"


async def test_a_result_is_that_of_the_moment_when_it_was_set(valkey: Valkey, channel: str) -> None:
    rows: list[object] = [1, (2, 3)]
    async with simulcast.job("a", channel=channel) as job:
        job.result = rows
        rows.append(object())
    assert (await history_at(valkey.url, channel))[-1]["result"] == [1, [2, 3]]


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ({"done": 7, "total": 5}, (1.0, 7, 5)),
        ({"done": 3, "total": 5}, (1.0, 5, 5)),
        ({"done": 0, "total": 0}, (1.0, 0, 0)),
        ({"done": Decimal(3)}, (1.0, 3.0, None)),
        ({"progress": 0.25}, (1.0, None, None)),
    ],
)
async def test_the_measures_of_a_complete_job(
    measures: dict[str, Any], expected: tuple[object, ...], valkey: Valkey, channel: str
) -> None:
    async with simulcast.job("a", channel=channel) as job:
        job.progress(**measures)
    event = (await history_at(valkey.url, channel))[-1]
    assert (event["progress"], event.get("done"), event.get("total")) == expected


async def test_progress_behind_the_end_is_dropped(valkey: Valkey, channel: str) -> None:
    async with simulcast.job("a", channel=channel) as job:
        assert await job.finish("complete") == "complete"
        await job.progress(0.5)
        assert await job.finish("error", "late") == "complete"
    await job.progress(0.5)
    assert [event["type"] for event in await history_at(valkey.url, channel)] == ["job_started", "job_complete"]


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ({"job_id": 5}, "job_id is text, not 5"),
        ({"job_id": None}, "job_id is text"),
        ({"job_id": "x" * 201}, "job_id has 1 to 200 characters"),
        ({"job_id": "a\nb"}, "no control characters"),
        ({"kind": 5}, "kind is text"),
        ({"name": b"x"}, "name is text"),
        ({"attempt": -1}, "attempt is a whole number"),
        ({"attempt": 1.5}, "attempt is a whole number"),
        ({"attempt": 2**70}, "attempt is a whole number"),
        ({"ttl_s": float("nan")}, "ttl_s is a number of seconds above 0"),
        ({"ttl_s": float("inf")}, "ttl_s is a number of seconds above 0"),
        ({"ttl_s": 0}, "ttl_s is a number of seconds above 0"),
    ],
)
def test_wrong_arguments_are_refused_by_name(members: dict[str, Any], match: str, channel: str) -> None:
    arguments: dict[str, Any] = {"job_id": "a", "channel": channel} | members
    with pytest.raises(InvalidEvent, match=match):
        simulcast.sync.queue_job(arguments.pop("job_id"), **arguments)
    if "ttl_s" not in members:
        arguments = {"job_id": "a", "channel": channel} | members
        with pytest.raises(InvalidEvent, match=match), simulcast.sync.job(**arguments):
            pass


ABANDONED = """
import sys, threading
from simulcast.sync import job, track

items = track([1, 2, 3], "track", channel=sys.argv[1])
next(items)

def run():
    with job("thread", channel=sys.argv[1]):
        running.set()
        threading.Event().wait()

running = threading.Event()
threading.Thread(target=run, daemon=True).start()
running.wait()
"""


def test_jobs_that_a_program_leaves_behind_at_its_end_break_nothing(valkey: Valkey, channel: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ABANDONED, channel],
        env={**os.environ, "REDIS_URL": valkey.url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_items_that_are_never_asked_for_begin_no_job(valkey: Valkey, channel: str) -> None:
    items = track([1], "a", channel=channel)
    del items
    assert asyncio.run(types(valkey, channel)) == []
