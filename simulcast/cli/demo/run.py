"""`simulcast demo`: runs simulated jobs in real time, without network or worker."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import typer

from simulcast.cli.demo.plan import SimulatedJob, plan_jobs
from simulcast.cli.errors import first_user_error
from simulcast.cli.publish import check_channel
from simulcast.cli.redis import broker_at
from simulcast.errors import JobCancelled
from simulcast.job_handle import AsyncJob, job, queue_job

STEP_S = 0.25
QUEUED_TTL_S = 60.0  # behind the time at which it is to start


class SimulatedFailure(Exception):
    """The failure that a simulated job is planned to have."""


async def demo(url: str, channel: str, jobs: int, seconds: float, *, as_json: bool) -> None:
    """Run `jobs` simulated jobs for `seconds`. Raises CommandError."""
    check_channel(channel)
    async with broker_at(url):
        if not as_json:
            typer.echo(f"{jobs} simulated jobs for {seconds:g} s: see them with `simulcast watch` or on the page")
        player = Demo(url, channel, asyncio.get_running_loop().time)
        stopped = "stopped: "
        try:
            await player.play(plan_jobs(jobs, seconds, random.Random()))  # noqa: S311
            stopped = ""
        finally:
            typer.echo(json.dumps({"ended": player.ended}) if as_json else f"{stopped}{player}")


@dataclass
class Demo:
    """Runs simulated jobs. When it is cancelled, each of them ends as cancelled."""

    url: str
    channel: str
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ended: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return ", ".join(f"{count} {state}" for state, count in sorted(self.ended.items())) or "none ended"

    async def play(self, jobs: Iterable[SimulatedJob]) -> None:
        """Run all of them to their ends. Raises BrokerUnavailable."""
        began = self.now()
        try:
            async with asyncio.TaskGroup() as group:
                for planned in jobs:
                    group.create_task(self._run(planned, began), name=planned.job_id)
        except BaseExceptionGroup as failures:
            raise first_user_error(failures) from failures

    async def _run(self, planned: SimulatedJob, began: float) -> None:
        handle = job(planned.job_id, kind=planned.kind, name=planned.name, channel=self.channel, url=self.url)
        try:
            with suppress(JobCancelled, SimulatedFailure):
                await self._wait_in_queue(planned, began, handle)
                async with handle:
                    await self._work(planned, began, handle)
        finally:
            self.ended[handle.outcome or "cancelled"] += 1

    async def _wait_in_queue(self, planned: SimulatedJob, began: float, handle: AsyncJob) -> None:
        ttl_s, kind, name = planned.starts_s + QUEUED_TTL_S, planned.kind, planned.name
        try:
            await queue_job(planned.job_id, kind=kind, name=name, channel=self.channel, ttl_s=ttl_s, url=self.url)
            await self._sleep_until(began + planned.starts_s)
        except asyncio.CancelledError:
            async with handle:  # it would stay queued, also where the answer to `queue_job` wasn't waited for
                raise

    async def _work(self, planned: SimulatedJob, began: float, handle: AsyncJob) -> None:
        steps = max(2, round((planned.ends_s - planned.starts_s) / STEP_S))
        for step in range(steps):
            fraction = step / steps
            done, total = (round(fraction * planned.total), planned.total) if planned.total else (None, None)
            message = planned.message_at(fraction)
            await handle.progress(fraction, done=done, total=total, unit=planned.unit, message=message)
            if planned.fails_at is not None and fraction >= planned.fails_at:
                break
            await self._sleep_until(began + planned.starts_s + (step + 1) * STEP_S)
            handle.raise_if_cancelled()
        if planned.fails_at is not None:  # a short job may have no step behind that
            raise SimulatedFailure("the disk of demo.invalid is full (simulated)")
        handle.result = {"seconds": round(planned.ends_s - planned.starts_s, 1)}

    async def _sleep_until(self, moment: float) -> None:
        while (early_s := moment - self.now()) > 0:
            await self.sleep(early_s)
