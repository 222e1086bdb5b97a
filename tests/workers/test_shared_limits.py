"""A worker's part of the limits: two real workers under one global speed, and what holds without Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.jobs import Jobs
from simulcast.model.limits import Allowed, Limits, Period
from simulcast.settings.worker import WorkerSettings
from simulcast.shared_limits import LimitStore, Part
from simulcast.store.factory import topology_from_url
from tests.clocks import Clock
from tests.conditions import eventually, until
from tests.scripted_server import Request, Server, head
from tests.valkey import Valkey
from workers import shared_limits
from workers.channels import WorkChannels
from workers.http.client import Client
from workers.http.rate_limit import BandwidthLimiter
from workers.shared_limits import SharedLimits
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits
from workers.worker import Worker

ALL = 400_000  # bytes a second


async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(head(200, {"Content-Type": "application/octet-stream"}))
    while True:
        writer.write(bytes(20_000))
        await writer.drain()
        await asyncio.sleep(0.01)  # or it would fill the disk


@asynccontextmanager
async def working(url: str, jobs: Jobs, client: Client, folder: Path, name: str) -> AsyncIterator[WorkerLimits]:
    """One worker of two places, whose end is no orderly one."""
    folder.mkdir(exist_ok=True)
    limits = WorkerLimits.from_settings(WorkerSettings(), folder, time.monotonic)
    async with (
        aclosing(topology_from_url(url, max_connections=4)) as servers,
        aclosing(Broker.connect(url)) as broker,
    ):
        channels = WorkChannels(WorkerSettings().channels, Downloader(client, jobs, folder, limits), servers)
        worker = Worker(name, channels, servers, 5, 2, limits, LimitStore(servers, broker))
        running = asyncio.create_task(worker.run(asyncio.Event()))
        try:
            yield limits
        finally:
            running.cancel()
            await asyncio.wait([running])


def rate(*workers: WorkerLimits) -> Callable[[], list[int | None]]:
    return lambda: [limits.pace.bytes_per_s for limits in workers]


@pytest.mark.long
async def test_two_workers_share_one_speed_which_may_change_while_they_download(
    own_valkey: Valkey, own_broker: Broker, own_jobs: Jobs, server: Server, client: Client, tmp_path: Path
) -> None:
    for number in range(4):
        await own_jobs.submit(server.at(f"/{number}", endless), f"d{number}")
    async with aclosing(topology_from_url(own_valkey.url)) as servers:
        store = LimitStore(servers, own_broker)
        url, folder = own_valkey.url, tmp_path / "files"
        async with working(url, own_jobs, client, folder, "h:1") as one:
            async with working(url, own_jobs, client, folder, "h:2") as two:

                async def all_run() -> bool:
                    return all([(await own_jobs.get(f"d{number}")).speed > 0 for number in range(4)])

                await eventually(all_run, "four running downloads")
                assert rate(one, two)() == [None, None]
                await store.set(Limits(max_speed=ALL))
                await until(lambda: rate(one, two)() == [ALL // 2] * 2, "halves")

                async def is_slow() -> bool:
                    return sum([(await own_jobs.get(f"d{number}")).speed for number in range(4)]) < 1.5 * ALL

                await eventually(is_slow, "the speed of all")
                await store.set(Limits(max_speed=2 * ALL))
                await until(lambda: rate(one, two)() == [ALL] * 2, "the new speed")
            await until(lambda: rate(one)() == [2 * ALL], "the share of the worker that is gone")
            await store.set(Limits())
            await until(lambda: rate(one)() == [None], "the end of the limit")


async def test_no_more_downloads_run_on_all_workers_than_are_allowed(
    own_valkey: Valkey, own_broker: Broker, own_jobs: Jobs, server: Server, client: Client, tmp_path: Path
) -> None:
    async with aclosing(topology_from_url(own_valkey.url)) as servers:
        store = LimitStore(servers, own_broker)
        await store.set(Limits(max_downloads=0))
        for number in range(4):
            await own_jobs.submit(server.at(f"/{number}", endless), f"d{number}")

        async def states() -> list[str]:
            return sorted([(await own_jobs.get(f"d{number}")).state for number in range(4)])

        async def run(number: int) -> None:
            async def is_so() -> bool:
                now = await states()
                assert now.count("running") <= number
                return now.count("running") == number

            await eventually(is_so, f"{number} running downloads")

        url, folder = own_valkey.url, tmp_path / "files"
        async with (
            working(url, own_jobs, client, folder, "h:1") as one,
            working(url, own_jobs, client, folder, "h:2") as two,
        ):
            await store.set(Limits(max_downloads=1, max_speed=ALL))
            await until(lambda: None not in rate(one, two)(), "the limits")
            await run(1)
            await store.set(Limits(max_downloads=3))
            await run(3)


class Store(LimitStore):
    """Gives a worker its part, or is away."""

    def __init__(self) -> None:
        self.limits, self.version, self.share_of_all, self.is_away = Limits(), "0", 0.5, False
        self.calls = 0
        self.left: list[str] = []

    async def share(
        self, worker: str, ttl_s: float, version: str, allowed: Allowed, running: int, *, begins: bool
    ) -> Part:
        self.calls += 1
        if self.is_away:
            raise BrokerUnavailable("Redis does not answer")
        speed = None if allowed.max_speed is None else int(allowed.max_speed * self.share_of_all)
        changed = self.limits if version != self.version else None
        return Part(0.0, self.version, changed, changed is None, speed, self.share_of_all)

    async def leave(self, worker: str) -> None:
        self.left.append(worker)


async def test_without_redis_the_last_limits_hold_and_their_timetable_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, store, pace = Clock(), Store(), BandwidthLimiter(300, Clock())
    monkeypatch.setattr(shared_limits, "INTERVAL_S", 0.001)
    monkeypatch.setattr(shared_limits, "MIN_INTERVAL_S", 0.001)
    shared = SharedLimits(store, "h:1", 5, pace, lambda: 1, clock)
    store.limits = Limits(max_speed=1000, timetable=(Period(start="08:00", end="18:00", max_speed=100),))
    store.version = "1"
    running = asyncio.create_task(shared.run())
    await until(lambda: store.calls > 3)
    assert pace.bytes_per_s == 300  # its own setting is less
    store.is_away = True
    clock.now = 8 * 3600.0
    await until(lambda: pace.bytes_per_s == 50, "the day")
    clock.now = 18 * 3600.0
    await until(lambda: pace.bytes_per_s == 300, "the night")
    running.cancel()
    await asyncio.wait([running])
    assert store.left == ["h:1"]
