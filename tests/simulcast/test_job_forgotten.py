"""A job whose record Redis has forgotten."""

import asyncio

import pytest

import simulcast
from simulcast.job_keeper import JobKeeper
from tests.conditions import eventually
from tests.jobs import history_at
from tests.valkey import Valkey

pytestmark = pytest.mark.usefixtures("keeper")


@pytest.mark.parametrize("waits", [True, False])
async def test_a_job_that_redis_has_forgotten_begins_again_and_its_end_is_told(
    waits: bool, valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart with data that are a second old."""
    monkeypatch.setattr(JobKeeper, "lease_s", 1.0)

    def forget() -> list[object]:
        with valkey.admin() as client:
            keys = [key for key in client.scan_iter(f"{{simulcast:{channel}}}:*") if b":job:" in key or b":own_" in key]
            return [client.delete(key) for key in keys]

    async def begins_again() -> bool:
        return [event["type"] for event in await history_at(valkey.url, channel)].count("job_started") == 2

    async with simulcast.job("a", channel=channel) as job:
        assert await asyncio.to_thread(forget)
        job.progress(0.5)
        if waits:
            await eventually(begins_again, "the start, again")
    assert job.outcome == "complete"
    types = [event["type"] for event in await history_at(valkey.url, channel)]
    assert [kind for kind in types if kind not in ("job_started", "job_progress")] == ["job_complete"]


async def test_an_outage_delays_the_first_job_that_begins_in_it_and_no_end(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", own_valkey.url)
    monkeypatch.setattr("simulcast.job_keeper.START_TIMEOUT_S", 1.0)
    monkeypatch.setattr("simulcast.job_keeper.END_TIMEOUT_S", 600.0)
    own_valkey.kill()
    async with asyncio.timeout(60):
        async with simulcast.job("first") as first:
            pass
        monkeypatch.setattr("simulcast.job_keeper.START_TIMEOUT_S", 600.0)
        async with simulcast.job("second") as second:
            pass
    assert (first.outcome, second.outcome) == ("lost", "lost")
