"""Ends wait in Redis for their addresses: none is lost, in the order of each key, within bounds."""

import json
from typing import Any, cast

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.commands import Command
from simulcast.model.download_options import DownloadOptions
from simulcast.model.events import complete_event, progress_event
from simulcast.model.own_job import about
from simulcast.own_jobs import OwnJobs
from simulcast.store.topology import Topology
from simulcast.webhooks import CALLBACKS, Delivery, Webhooks
from tests.jobs import URL, claim_job
from tests.webhook_deliveries import A, B, key_of, make_due, publish_end, take, targets

CALLBACK = "https://c.example/?secret=x"


@pytest.fixture
def webhooks(topology: Topology) -> Webhooks:
    return Webhooks(topology, [A])


async def test_each_end_waits_for_each_address_and_nothing_else_does(
    topology: Topology, jobs: Jobs, broker: Broker, channel: str
) -> None:
    await broker.publish(progress_event("foreign", 0.5, 1), channel)
    await broker.publish(complete_event("foreign", "/f"), channel)
    await jobs.submit(URL, "d", options=DownloadOptions(callback_url=CALLBACK))
    claim = await claim_job(jobs)
    await jobs.finish(claim, "complete", {"file_path": "/d"}, {"file_path": "/d"})
    await jobs.submit(f"{URL}&2", "gone")
    assert await jobs.command(Command("delete", "gone")) is None
    deliveries = await take(Webhooks(topology, [A, B]), channel)
    assert sorted(targets(deliveries)) == [(A, "d"), (A, "foreign"), (B, "d"), (B, "foreign"), (CALLBACK, "d")]
    assert [each.address for each in deliveries if each.is_callback] == [CALLBACK]
    bodies = {each.publication.key: json.loads(each.body) for each in deliveries}
    assert list(bodies["d"])[:3] == ["event_id", "channel", "type"]
    assert (bodies["d"]["channel"], bodies["d"]["type"], bodies["d"]["file_path"]) == (
        channel,
        "download_complete",
        "/d",
    )
    assert "secret" not in json.dumps(bodies)


@pytest.mark.parametrize("ending", ["complete", "error", "cancelled"])
async def test_the_callback_of_a_job_is_told_of_its_end(
    topology: Topology, any_jobs: OwnJobs, channel: str, ending: str
) -> None:
    await any_jobs.queue("j", about("j", "", "", "", CALLBACK))
    await any_jobs.start("j", about("j", "work", "n"), "t", "here")
    await any_jobs.end("j", "t", ending)  # type: ignore[arg-type]
    (delivery,) = await take(Webhooks(topology, []), channel)
    assert (delivery.address, json.loads(delivery.body)["type"]) == (CALLBACK, f"job_{ending}")
    assert CALLBACK not in str((await any_jobs.get("j")).model_dump())


async def test_the_first_end_of_a_key_holds_up_the_next_ones_of_it_alone(
    webhooks: Webhooks, broker: Broker, channel: str
) -> None:
    for n in range(3):
        await publish_end(broker, channel, "slow", n)
    await publish_end(broker, channel, "other")
    seen = []
    deliveries = await take(webhooks, channel)
    assert targets(deliveries) == [(A, "slow"), (A, "other")]
    while deliveries:
        seen += [json.loads(each.body)["n"] for each in deliveries if each.publication.key == "slow"]
        for delivery in deliveries:
            await webhooks.settle(delivery, is_delivered=True)
        deliveries = await take(webhooks, channel)
    assert seen == [0, 1, 2]


async def test_a_delivery_that_nobody_settles_is_leased_again_with_the_same_id(
    webhooks: Webhooks, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await publish_end(broker, channel, "a")
    (first,) = await take(webhooks, channel)
    taken = await webhooks.take(channel, 100, {})
    assert taken.deliveries == []
    assert taken.next_s is not None and 0 < taken.next_s <= 20
    await make_due(client, channel)
    (again,) = await take(webhooks, channel)
    assert (again.message_id, again.body) == (first.message_id, first.body)


async def test_an_end_that_comes_while_another_of_its_key_is_sent_waits_for_it(
    webhooks: Webhooks, broker: Broker, channel: str
) -> None:
    await publish_end(broker, channel, "a", 1)
    (first,) = await take(webhooks, channel)
    await publish_end(broker, channel, "a", 2)
    assert await take(webhooks, channel) == []
    await webhooks.settle(first, is_delivered=True)
    (second,) = await take(webhooks, channel)
    assert json.loads(second.body)["n"] == 2


async def test_a_worker_that_comes_late_settles_nothing_that_another_one_has(
    webhooks: Webhooks, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await publish_end(broker, channel, "a", 1)
    await publish_end(broker, channel, "a", 2)
    (late,) = await take(webhooks, channel)
    await make_due(client, channel)
    (first,) = await take(webhooks, channel)
    await webhooks.settle(first, is_delivered=True)
    await webhooks.settle(late, is_delivered=True)
    await webhooks.retry(late, 100, 100, "late")
    (second,) = await take(webhooks, channel)
    assert json.loads(second.body)["n"] == 2
    assert (second.tries, second.failures) == (0, 0)


async def test_a_failure_puts_off_its_delivery_and_its_address_and_no_other_address(
    topology: Topology, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    webhooks = Webhooks(topology, [A, B])
    await publish_end(broker, channel, "a")
    failed, other = sorted(await take(webhooks, channel), key=lambda delivery: delivery.address)
    await webhooks.retry(failed, 3000, 60, "the server answered 500")
    await webhooks.settle(other, is_delivered=True)
    await publish_end(broker, channel, "b")
    (free,) = await take(webhooks, channel)
    assert targets([free]) == [(B, "b")]
    await webhooks.settle(free, is_delivered=True)
    assert await client.hvals(key_of(channel, "webhook_failures")) == [b"1 the server answered 500"]
    await make_due(client, channel)
    deliveries = {each.publication.key: each for each in await take(webhooks, channel)}
    assert (deliveries["a"].tries, deliveries["b"].tries) == (1, 0)
    await webhooks.retry(deliveries["b"], 3000, 60, "no")
    await webhooks.settle(deliveries["a"], is_delivered=True)
    await publish_end(broker, channel, "c")
    assert {(each.address, each.failures) for each in await take(webhooks, channel)} == {(A, 0), (B, 0)}


async def test_a_worker_sends_an_address_so_many_and_the_others_go_on(
    topology: Topology, broker: Broker, channel: str
) -> None:
    webhooks = Webhooks(topology, [A, B])
    for n in range(20):
        await publish_end(broker, channel, f"k{n}")
    deliveries = await take(webhooks, channel, sending={A: 15})
    assert [each.address for each in deliveries].count(A) == 1
    assert [each.address for each in deliveries].count(B) == 16


async def test_callbacks_of_one_server_share_places_whatever_else_their_addresses_say(
    topology: Topology, any_jobs: OwnJobs, channel: str
) -> None:
    slow = [f"http://user{n}@Slow.example/{n}?{n}" for n in range(10)] + [f"http://slow.example?{n}" for n in range(10)]
    for n, callback in enumerate([*slow, CALLBACK]):
        await any_jobs.start(f"j{n}", about(f"j{n}", "", "", "", callback), f"t{n}", "here")
        await any_jobs.end(f"j{n}", f"t{n}", "complete")
    deliveries = await take(Webhooks(topology, []), channel)
    assert [each.payee for each in deliveries].count("http://slow.example") == 16
    assert [each.address for each in deliveries].count(CALLBACK) == 1
    assert "secret" not in repr(deliveries)


async def test_callbacks_together_leave_places_to_the_addresses_of_the_operator(
    webhooks: Webhooks, any_jobs: OwnJobs, channel: str
) -> None:
    await any_jobs.start("j", about("j", "", "", "", CALLBACK), "t", "here")
    await any_jobs.end("j", "t", "complete")
    assert targets(await take(webhooks, channel, sending={CALLBACKS: 64})) == [(A, "j")]


async def test_text_of_somebody_else_in_the_list_stops_nobody(
    webhooks: Webhooks, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await client.rpush(key_of(channel, "ends"), "nonsense", "1 x\nnonsense", "")
    await publish_end(broker, channel, "a")
    assert targets(await take(webhooks, channel)) == [(A, "a")]


async def test_a_time_that_a_clock_set_which_was_ahead_holds_nothing_up(
    webhooks: Webhooks, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await publish_end(broker, channel, "a")
    (delivery,) = await take(webhooks, channel)
    await webhooks.retry(delivery, 10 * 24 * 3600, 10 * 24 * 3600, "no")
    assert len(await take(webhooks, channel)) == 1


async def test_ids_are_those_of_the_change_so_two_ends_never_share_one(
    webhooks: Webhooks, jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    await jobs.submit(URL, "d")
    for _ in range(2):
        claim = await claim_job(jobs)
        await jobs.finish(claim, "error", {"error": "no"}, {"error_message": "no"})
        await jobs.command(Command("retry", "d"))
    for _ in range(2):  # as a publisher writes it who counts nothing
        await broker.publish({**complete_event("f", "/f"), "attempt": 1, "change": 1}, channel)
        await broker.publish(complete_event("f", "/f"), channel)
    deliveries, ids = await take(webhooks, channel), []
    while deliveries:
        ids += [delivery.message_id for delivery in deliveries]
        for delivery in deliveries:
            await webhooks.settle(delivery, is_delivered=True)
        deliveries = await take(webhooks, channel)
    assert len(set(ids)) == len(ids) == 6
    assert all(len(message_id) == 36 and message_id.startswith("msg_") for message_id in ids)


async def test_an_end_that_a_server_publishes_again_after_a_failover_has_its_id(
    webhooks: Webhooks, jobs: Jobs, client: redis.asyncio.Redis, channel: str
) -> None:
    await jobs.submit(URL, "d")
    claim = await claim_job(jobs)
    record = ChannelNames(channel).job_prefix + "d"
    before = cast(dict[str | bytes, bytes], await client.hgetall(record))
    change, deliveries = b"", list[Delivery]()
    for _ in range(2):
        await client.delete(record)
        await client.hset(record, mapping=cast(Any, before))
        reply = await jobs._send("report_event", [*jobs._publish_args, "d", claim.token, "complete", "", change])
        change = cast(list[bytes], reply)[1]
        (delivery,) = await take(webhooks, channel)
        await webhooks.settle(delivery, is_delivered=True)
        deliveries.append(delivery)
    first, again = deliveries
    assert first.publication.position != again.publication.position
    assert first.message_id == again.message_id
