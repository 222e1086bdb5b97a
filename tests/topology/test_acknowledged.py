"""Acknowledged submissions, claims, commands and ends hold after a failover that lost them."""

import asyncio

import pytest

from simulcast.broker import Broker
from simulcast.jobs import DesiredState, Jobs
from simulcast.model.commands import Command
from simulcast.model.events import Event, encode, progress_event
from simulcast.model.job_record import Query
from simulcast.store import sender
from tests.conditions import FAILOVER_S, eventually, retry_while_unavailable
from tests.jobs import claim_job, history, history_at
from tests.topologies import Cluster, Group, Sentinels

CHANNEL = "downloads"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("group", [Sentinels, Cluster], indirect=True)
class TestAcknowledged:
    """Replicas are cut off, then the master dies."""

    async def test_downloads_commands_and_ends_that_no_replica_had_hold(self, group: Group, jobs: Jobs) -> None:
        before = [(await jobs.submit(f"http://example.com/{n}", f"before-{n}")).download_id for n in range(3)]
        first = group.serving(CHANNEL)
        group.cut_off_replicas(first)
        claim = await claim_job(jobs, "host:1")
        assert claim.record.download_id == before[0]
        last = encode(progress_event("before-0", 1.0, 0))
        assert isinstance(last, Event)
        await jobs.finish(claim, "complete", {"file_path": "/0"}, {"file_path": "/0"}, last.payload)
        assert await jobs.command(Command("pause", before[1], "pause-1")) is None
        assert await jobs.command(Command("cancel", before[2])) is None
        assert await jobs.command(Command("delete", before[2])) is None
        for n in range(5):
            await jobs.submit(f"http://example.com/after/{n}", f"after-{n}", priority=-n)
        completed = await claim_job(jobs, "host:1")
        await jobs.finish(completed, "complete", {"file_path": "/1"}, {"file_path": "/1"})
        running = await claim_job(jobs, "host:1")
        assert (completed.record.download_id, running.record.download_id) == ("after-0", "after-1")
        await jobs.save(running, {"finishing": "the file"})
        assert await jobs.command(Command("pause", "after-2")) is None
        assert await jobs.command(Command("cancel", "after-3")) is None
        assert await jobs.command(Command("delete", "after-4", with_file=True)) is None
        expected = {"before-0": "complete", "before-1": "paused", "after-0": "complete"}
        expected |= {"after-1": "running", "after-2": "paused", "after-3": "cancelled"}
        first.kill()

        async def states() -> dict[str, str]:
            records = (await retry_while_unavailable(lambda: jobs.list(Query()))).records
            return {record.download_id: record.state for record in records}

        async def holds() -> bool:
            return await states() == expected

        await eventually(holds, "the state that was acknowledged", FAILOVER_S)
        again = await history_at(group.url)
        assert [event["type"] for event in again if event["download_id"] == "before-0"][-1:] == ["download_complete"]
        assert not [event for event in again if event["type"] == "download_progress"], (
            "a front-end would tell the end again"
        )
        assert await retry_while_unavailable(lambda: jobs.renew([running], 30)) == [DesiredState("running")]
        client = await jobs._servers.client_for(CHANNEL)
        assert await client.hget(f"{{simulcast:{CHANNEL}}}:job:after-1", "finishing") == b"the file"
        assert await retry_while_unavailable(lambda: jobs.claim("host:2", 30)) is None
        fields = {"file_path": "/2"}
        await retry_while_unavailable(lambda: jobs.finish(running, "complete", fields, fields))
        assert await states() == expected | {"after-1": "complete"}

    async def test_an_end_behind_the_failover_names_the_command_that_was_accepted_before(
        self, group: Group, jobs: Jobs, publisher: Broker
    ) -> None:
        other = Broker.connect(group.url)
        other_jobs = Jobs.connect(group.url, other)
        await jobs.submit("http://example.com/a", "a")
        lease = await claim_job(other_jobs, "host:1")
        first = group.serving(CHANNEL)
        group.cut_off_replicas(first)
        assert await jobs.command(Command("cancel", "a", "c1")) is None
        first.kill()
        fields = {"file_path": "/a"}
        await retry_while_unavailable(lambda: other_jobs.finish(lease, "complete", fields, fields))
        end = (await history(publisher, CHANNEL))[-1]
        assert (end["type"], end["command_id"], end["overtaken"]) == ("download_complete", "c1", "cancel")
        await other_jobs.aclose()
        await other.aclose()

    async def test_a_deleted_download_stays_deleted_though_others_know_it(
        self, group: Group, jobs: Jobs, publisher: Broker
    ) -> None:
        other = Broker.connect(group.url)
        other_jobs = Jobs.connect(group.url, other)
        await jobs.submit("http://example.com/before", "before")
        first = group.serving(CHANNEL)
        group.cut_off_replicas(first)
        await other_jobs.submit("http://example.com/a", "a")
        await other_jobs.submit("http://example.com/b", "b")
        assert await jobs.command(Command("delete", "a")) is None
        assert await jobs.command(Command("pause", "b")) is None
        for _ in ("b", "before"):
            lease = await other_jobs.claim("host:1", 30)
            if lease is not None:
                await other_jobs.finish(lease, "error", {"error": "no"}, {"error_message": "no"})
        assert await jobs.command(Command("clear")) is None
        assert [record.download_id for record in (await jobs.list(Query())).records] == ["b"]
        first.kill()
        await retry_while_unavailable(jobs._broker.head)

        async def all_sent_again() -> bool:
            return not any(each.sender()._unreplicated._unsent for each in (publisher, other))

        async def holds() -> bool:
            records = (await retry_while_unavailable(lambda: jobs.list(Query()))).records
            return await all_sent_again() and [(r.download_id, r.state) for r in records] == [("b", "paused")]

        await eventually(holds, "one paused download", FAILOVER_S)
        await asyncio.sleep(2)  # whatever is sent again later changes nothing
        assert await holds()
        assert await jobs.claim("host:1", 30) is None
        await other_jobs.aclose()
        await other.aclose()

    async def test_a_job_that_ended_is_claimed_by_nobody_before_its_end_is_sent_to_the_server_that_takes_over(
        self, group: Group, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sender, "PROBE_INTERVAL_S", 3)  # the other process notices the failover first
        other = Broker.connect(group.url)
        other_jobs = Jobs.connect(group.url, other)
        record = await jobs.submit("http://example.com/a", "a")
        first = group.serving(CHANNEL)
        group.cut_off_replicas(first)
        claim = await claim_job(jobs, "host:1")
        await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
        first.kill()

        async def complete() -> bool:
            assert await retry_while_unavailable(lambda: other_jobs.claim("host:2", 30)) is None
            return (await retry_while_unavailable(lambda: jobs.get(record.download_id))).state == "complete"

        await eventually(complete, "the end that was acknowledged", FAILOVER_S)
        await other_jobs.aclose()
        await other.aclose()

    async def test_no_command_is_refused_for_what_the_server_that_takes_over_does_not_know_yet(
        self, group: Group, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sender, "PROBE_INTERVAL_S", 3)  # the other process notices the failover first
        other = Broker.connect(group.url)
        other_jobs = Jobs.connect(group.url, other)
        await jobs.submit("http://example.com/a", "a")
        first = group.serving(CHANNEL)
        group.cut_off_replicas(first)
        assert await jobs.command(Command("pause", "a")) is None
        await jobs.submit("http://example.com/b", "b")
        first.kill()
        assert await retry_while_unavailable(lambda: other_jobs.command(Command("resume", "a"))) is None
        assert await retry_while_unavailable(lambda: other_jobs.command(Command("pause", "b"))) is None
        await other_jobs.aclose()
        await other.aclose()
