"""Random starts, reports, losses, ends and commands of jobs of any kind, beside a model of one that fits on a page."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.errors import InvalidEvent, JobCancelled, JobTaken, LeaseLost
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import JobAction, JobCommand, Reason
from simulcast.model.own_job import JobEnd, about, measures
from simulcast.own_jobs import OwnJobs
from tests.jobs import history

STEPS = 400
ENDS: tuple[JobEnd, ...] = ("complete", "error", "cancelled", "queued")
ENDED = ("complete", "error", "cancelled")
ACTIONS: tuple[JobAction, ...] = ("cancel_job", "remove_job")


@dataclass
class ModelJob:
    """One job. `state`: "" for none. `started`: its newest attempt that began. `owner`: the token of its lease."""

    state: str = ""
    attempt: int = 0
    started: int = 0
    owner: str = ""
    is_cancelling: bool = False
    told: list[tuple[str, int]] = field(default_factory=list)  # type and attempt of each change

    def change(self, state: str) -> None:
        self.state = state
        self.told.append(("started" if state == "running" else state, self.attempt))

    def queue(self, attempt: int) -> None:
        is_known = bool(attempt) or self.state == "queued"
        if self.state and (self.state == "running" or (is_known and attempt <= self.attempt)):
            return
        self.attempt = max(attempt, self.attempt + 1 if self.state else 1)
        self.is_cancelling = False
        self.change("queued")

    def start(self, token: str, attempt: int) -> type[Exception] | None:
        if self.state == "running":
            return JobTaken
        if self.state == "cancelled" and self.started != self.attempt and attempt <= self.attempt:
            self.started = self.attempt
            return JobCancelled
        begins = not self.state or self.state != "queued"
        self.attempt = max(attempt, self.attempt + begins if self.state else 1)
        self.started, self.owner, self.is_cancelling = self.attempt, token, False
        self.change("running")
        return None

    def end(self, end: JobEnd) -> None:
        state = "cancelled" if end == "queued" and self.is_cancelling else end
        self.owner = ""
        self.attempt += state == "queued"
        self.change(state)

    def lose(self) -> None:
        if self.state == "running":
            self.owner = ""
            self.change("cancelled" if self.is_cancelling else "error")

    def command(self, action: JobAction) -> Reason | None:
        if not self.state:
            return "unknown_job"
        if action == "remove_job" and self.state != "running":
            self.change("deleted")
            self.state, self.attempt, self.started, self.is_cancelling = "", 0, 0, False
            return None
        if action == "remove_job" or self.state in ENDED or self.is_cancelling:
            return "invalid_transition"
        if self.state == "running":
            self.is_cancelling = True
        else:
            self.change("cancelled")
        return None


@dataclass
class Walk:
    """Steps of processes and clients, each of which the jobs and the model answer."""

    rng: random.Random
    jobs: OwnJobs
    broker: Broker
    client: redis.asyncio.Redis
    channel: str
    model: dict[str, ModelJob] = field(default_factory=lambda: {f"job-{number}": ModelJob() for number in range(3)})
    tokens: list[tuple[str, str]] = field(default_factory=list)  # of all starts, also those that were refused
    numbers: "count[int]" = field(default_factory=count)

    async def run(self) -> None:
        steps = (
            self.queue,
            self.start,
            self.start,
            self.report,
            self.end,
            self.end,
            self.lose,
            self.forge,
            self.command,
        )
        for _ in range(STEPS):
            await self.rng.choice(steps)()
        events = await history(self.broker, self.channel)
        for job_id, job in self.model.items():
            own = [event for event in events if event["job_id"] == job_id and event["type"] != "job_progress"]
            assert [(str(event["type"]).removeprefix("job_"), event["attempt"]) for event in own] == job.told
            identities = [(event["type"], event["attempt"], event["change"]) for event in own]
            assert len(set(identities)) == len(identities)
            with suppress(KeyError):
                record = await self.jobs.get(job_id)
                assert (record.state, record.attempt) == (job.state, job.attempt)

    def pick(self) -> tuple[str, ModelJob]:
        return self.rng.choice([*self.model.items()])

    def attempt_for(self, job: ModelJob) -> int:
        return self.rng.choice((0, 0, 1, job.attempt, job.attempt + 1))

    async def queue(self) -> None:
        job_id, job = self.pick()
        attempt = self.attempt_for(job)
        job.queue(attempt)
        assert await self.jobs.queue(job_id, about(job_id, "", ""), attempt=attempt) == job.attempt

    async def start(self) -> None:
        job_id, job = self.pick()
        token, attempt = f"t{next(self.numbers)}", self.attempt_for(job)
        refusal = job.start(token, attempt)
        self.tokens.append((job_id, token))
        for _ in range(self.rng.choice((1, 1, 2))):  # a reply may be lost, and the call is sent again
            call = self.jobs.start(job_id, about(job_id, "", ""), token, "here", attempt=attempt, lease_s=600)
            if refusal is None:
                assert (await call).attempt == job.attempt
            else:
                with pytest.raises(refusal):
                    await call

    async def report(self) -> None:
        await self._by_owner_or_refused(
            lambda job_id, token: self.jobs.progress(job_id, token, measures(self.rng.random())), lambda job: None
        )

    async def end(self) -> None:
        end = self.rng.choice(ENDS)
        await self._by_owner_or_refused(
            lambda job_id, token: self.jobs.end(job_id, token, end, error_message="torn"), lambda job: job.end(end)
        )

    async def _by_owner_or_refused(self, call: Callable[[str, str], Any], note: Callable[[ModelJob], None]) -> None:
        if not self.tokens:
            return
        job_id, token = self.rng.choice(self.tokens[-6:])
        job = self.model[job_id]
        if job.owner == token:
            note(job)
            await call(job_id, token)
            if not job.owner:  # an end that is sent again gets its answer, and others are refused
                self.tokens.remove((job_id, token))
        else:
            with pytest.raises(LeaseLost):
                await call(job_id, token)

    async def lose(self) -> None:
        """Let the lease of a job end, as if its process had been killed."""
        job_id, job = self.pick()
        leases = ChannelNames(self.channel).own_job_keys[2]
        if await self.client.zscore(leases, job_id) is not None:
            await self.client.zadd(leases, {job_id: 1})
            await self.broker.head(self.channel)
        job.lose()

    async def forge(self) -> None:
        """Publish the end of a job that has an owner, or a record."""
        job_id, job = self.pick()
        if job.state:
            event = {"type": f"job_{self.rng.choice(ENDED)}", "job_id": job_id, "error_message": "forged"}
            with pytest.raises(InvalidEvent, match="is owned by the service"):
                await self.broker.publish(event | {"attempt": job.attempt, "change": 99}, self.channel)

    async def command(self) -> None:
        job_id, job = self.pick()
        action, command_id = self.rng.choice(ACTIONS), f"c{next(self.numbers)}"
        expected = job.command(action)
        for _ in range(self.rng.choice((1, 2))):
            assert await self.jobs.command(JobCommand(action, job_id, command_id)) == expected


@pytest.mark.parametrize("seed", range(3))
async def test_jobs_are_what_a_model_says_and_each_change_is_told_once(
    seed: int, any_jobs: OwnJobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await Walk(random.Random(seed), any_jobs, broker, client, channel).run()
