"""Publications that pose as those of a download's owner."""

import json

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.errors import InvalidEvent
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.events import complete_event, error_event, progress_event
from simulcast.model.position import Position
from tests.jobs import URL, claim_job, history


@pytest.mark.parametrize(
    "event", [complete_event("a", "/forged"), error_event("a", "forged"), progress_event("a", 0.5, 1)]
)
async def test_an_event_of_an_owned_download_is_refused_by_name(
    event: dict[str, object], jobs: Jobs, broker: Broker, channel: str
) -> None:
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    with pytest.raises(InvalidEvent, match="job a is owned"):
        await broker.publish(event, channel)
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    with pytest.raises(InvalidEvent, match="job a is owned"):
        await broker.publish(event, channel)  # clients that join later would show an ended download as running
    told = await history(broker, channel)
    assert [event["type"] for event in told] == ["download_queued", "download_started", "download_complete"]
    assert told[-1]["file_path"] == "/a"


async def test_an_end_that_was_forged_before_its_download_does_not_hide_the_real_one(
    jobs: Jobs, broker: Broker, client: redis.asyncio.Redis, channel: str
) -> None:
    change = 9_000_000_000_000
    await broker.publish({**complete_event("a", "/forged"), "attempt": 1, "change": change}, channel)
    await jobs.submit(URL, "a")
    claim = await claim_job(jobs)
    await client.hset(ChannelNames(channel).job_prefix + "a", "change", str(change - 1))
    await jobs.finish(claim, "complete", {"file_path": "/a"}, {"file_path": "/a"})
    head = await broker.head(channel)
    publications = await broker.history(Position(head.position.epoch, 0), head.position, channel)
    ends = [each for each in publications if each.label.startswith("e:download_complete")]
    assert [json.loads(each.payload)["change"] for each in ends] == [change, change]
    assert len({each.label for each in ends}) == 2


async def test_an_end_of_a_download_that_the_service_does_not_own_is_published(broker: Broker, channel: str) -> None:
    await broker.publish(complete_event("external", "/x"), channel)
    assert [event["download_id"] for event in await history(broker, channel)] == ["external"]


async def test_every_published_end_is_readable_whatever_its_mark(broker: Broker, channel: str) -> None:
    for n in range(20):  # the marks are random, and may end in a digit or in a letter
        await broker.publish(complete_event(f"d{n}", "/x"), channel)
    head = await broker.head(channel)
    publications = await broker.history(Position(head.position.epoch, 0), head.position, channel)
    assert {(each.label, len(each.dedup_id)) for each in publications} == {("e:download_complete::", 12)}
