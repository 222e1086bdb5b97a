"""The server that serves a channel goes, another one takes over: publishers wait, clients miss nothing."""

import asyncio
import json
import signal

from simulcast.broker import Broker
from simulcast.jobs import DesiredState, Jobs, Lease
from simulcast.model.events import complete_event
from tests.conditions import FAILOVER_S, eventually, retry_while_unavailable, until
from tests.service import FrontEnd
from tests.topologies import Group
from tests.topology.conftest import Load, ReconnectingClient, assert_all_received

CHANNEL = "downloads"


class Failover:
    """The promises; `group` is what a module makes of them."""

    async def test_a_master_that_hangs_is_left_for_the_one_that_takes_over(
        self, group: Group, running: FrontEnd, reconnecting_client: ReconnectingClient, load: Load
    ) -> None:
        await load.more()
        first = group.serving(CHANNEL)
        first.signal(signal.SIGSTOP)
        await load.more()
        await assert_all_received(reconnecting_client, load)
        first.signal(signal.SIGCONT)
        await running.ready()

    async def test_what_no_replica_had_when_the_master_died_is_told_again(
        self, group: Group, running: FrontEnd, reconnecting_client: ReconnectingClient, publisher: Broker, jobs: Jobs
    ) -> None:
        record = await jobs.submit("http://example.com/a")
        claim = await jobs.claim("host:1", 60)
        assert claim is not None
        both = {"lost", record.download_id}
        first = group.serving(CHANNEL)
        group.cut_off_replicas(first)
        position = await publisher.publish(complete_event("lost", "/x"))
        await jobs.finish(claim, "complete", {"file_path": "/y"})
        await until(lambda: reconnecting_client.ends().keys() >= both, "both ends told")
        first.kill()

        async def restored() -> bool:
            snapshot = await retry_while_unavailable(publisher.snapshot)
            told = {each.key for each in snapshot.publications if each.label[0] == "e"}
            return told >= both and position is not None and snapshot.head.position.epoch != position.epoch

        await eventually(restored, "what was lost", FAILOVER_S)
        assert (await retry_while_unavailable(lambda: jobs.get(record.download_id))).state == "complete"
        await running.ready()
        late = await running.connect()
        told: set[str] = set()
        async with asyncio.timeout(FAILOVER_S):
            while not told >= both:
                told.add(str(json.loads(await late.recv()).get("download_id")))
        await late.close()

    async def test_a_claim_that_dies_with_its_process_and_the_master_goes_to_another_worker_and_its_owner_is_refused(
        self, group: Group, reconnecting_client: ReconnectingClient, jobs: Jobs
    ) -> None:
        record = await jobs.submit("http://example.com/a")
        first = group.serving(CHANNEL)
        group.cut_off_replicas(first)
        dying = Broker.connect(group.url)
        dying_jobs = Jobs.connect(group.url, dying)
        lost = await dying_jobs.claim("host:1", 60)
        assert lost is not None
        await dying_jobs.aclose()
        await dying.aclose()  # no replica comes within CLOSE_TIMEOUT_S
        first.kill()

        async def refused() -> bool:
            return await retry_while_unavailable(lambda: jobs.renew([lost], 60)) == [DesiredState("lost")]

        await eventually(refused, "an owner whom nobody knows", FAILOVER_S)
        claims: list[Lease] = []

        async def claimed() -> bool:
            claim = await retry_while_unavailable(lambda: jobs.claim("host:2", 60))
            claims.extend([claim] if claim else [])
            return bool(claims)

        await eventually(claimed, "the job again, after some seconds for its owner", FAILOVER_S)
        (claim,) = claims
        assert claim.record.download_id == record.download_id
        await retry_while_unavailable(lambda: jobs.finish(claim, "complete", {}))
        await until(lambda: reconnecting_client.ends()[record.download_id] == 1, "the end told")
