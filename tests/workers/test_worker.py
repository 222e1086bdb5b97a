"""A worker's ends while no server answers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.settings.worker import WorkerSettings
from simulcast.shared_limits import LimitStore
from simulcast.store.factory import topology_from_url
from tests.conditions import eventually
from tests.jobs import history
from tests.scripted_server import Reply, Server, answer, honest
from tests.valkey import Valkey
from workers.channels import WorkChannels
from workers.http.client import Client
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits
from workers.worker import Worker

LEASE_S = 2.0


@asynccontextmanager
async def working(url: str, jobs: Jobs, client: Client, folder: Path) -> AsyncIterator[None]:
    """One worker, whose leases last LEASE_S."""
    limits = WorkerLimits.from_settings(WorkerSettings(), folder, time.monotonic)
    subscribing = topology_from_url(url, max_connections=2)
    channels = WorkChannels(WorkerSettings().channels, Downloader(client, jobs, folder, limits), subscribing)
    worker = Worker("host:1", channels, subscribing, LEASE_S, 1, limits, LimitStore(subscribing, jobs._broker))
    stop = asyncio.Event()
    async with aclosing(subscribing), asyncio.TaskGroup() as group:
        group.create_task(worker.run(stop))
        try:
            yield
        finally:
            stop.set()


@pytest.mark.parametrize(
    ("reply", "state"), [(honest(b"all of it"), "complete"), (answer(410, {}), "error")], ids=["complete", "error"]
)
async def test_an_end_without_a_reply_is_reported_again_though_the_lease_ran_out_meanwhile(
    own_valkey: Valkey,
    own_broker: Broker,
    own_jobs: Jobs,
    server: Server,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    state: str,
) -> None:
    finish, renew, claim, times = own_jobs.finish, own_jobs.renew, own_jobs.claim, list[float]()

    async def unanswered(*args: object) -> None:
        times.append(time.monotonic())
        if times[-1] - times[0] < LEASE_S:
            raise BrokerUnavailable("the master is gone")
        await finish(*args)  # type: ignore[arg-type]

    async def not_claimed(*args: object) -> Lease | None:
        if times:
            raise BrokerUnavailable("the master is gone")
        return await claim(*args)  # type: ignore[arg-type]

    async def not_renewed(*args: object) -> list[DesiredState]:
        if times:
            raise BrokerUnavailable("the master is gone")
        return await renew(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(own_jobs, "finish", unanswered)
    monkeypatch.setattr(own_jobs, "claim", not_claimed)
    monkeypatch.setattr(own_jobs, "renew", not_renewed)
    (tmp_path / "files").mkdir()
    download_id = (await own_jobs.submit(server.at("/f.bin", reply))).download_id
    async with working(own_valkey.url, own_jobs, client, tmp_path / "files"):

        async def has_ended() -> bool:
            return (await own_jobs.get(download_id)).state == state

        await eventually(has_ended, state)
    types = [event["type"] for event in await history(own_broker, "downloads") if event["type"] != "download_progress"]
    assert types == ["download_queued", "download_started", f"download_{state}"]


async def test_the_next_job_is_claimed_while_the_end_of_the_one_before_is_being_reported(
    own_valkey: Valkey, own_jobs: Jobs, server: Server, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, claim, claimed = own_jobs.finish, own_jobs.claim, asyncio.Queue[str]()

    async def noted(*args: object) -> Lease | None:
        lease = await claim(*args)  # type: ignore[arg-type]
        if lease is not None:
            claimed.put_nowait(lease.record.download_id)
        return lease

    async def finish_after_the_next_claim(lease: Lease, *args: object) -> None:
        if lease.record.download_id == "a":
            async with asyncio.timeout(10):
                assert [await claimed.get(), await claimed.get()] == ["a", "b"]
        await finish(lease, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(own_jobs, "claim", noted)
    monkeypatch.setattr(own_jobs, "finish", finish_after_the_next_claim)
    (tmp_path / "files").mkdir()
    for download_id in ("a", "b"):
        await own_jobs.submit(server.at(f"/{download_id}.bin", honest(b"all of it")), download_id)
    async with working(own_valkey.url, own_jobs, client, tmp_path / "files"):

        async def are_complete() -> bool:
            return [(await own_jobs.get(download_id)).state for download_id in "ab"] == ["complete", "complete"]

        await eventually(are_complete, "both are complete")
