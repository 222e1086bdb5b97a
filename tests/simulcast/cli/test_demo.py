import asyncio
import random
from itertools import pairwise

import pytest

from simulcast.broker import Broker
from simulcast.cli.demo.run import Demo
from simulcast.cli.demo.timeline import make_timeline
from simulcast.model.events import END_TYPES
from tests.clocks import Clock
from tests.jobs import history


async def test_demo_publishes_every_event_in_order_and_on_time(broker: Broker, channel: str) -> None:
    moments, clock = list(make_timeline(4, 10.0, random.Random(1))), Clock(100.0)
    demo = Demo(broker, channel, clock, clock.sleep)
    await demo.play(moments)
    events = await history(broker, channel)
    assert [event["type"] for event in events] == [moment.event["type"] for moment in moments]
    assert [event["download_id"] for event in events] == [moment.event["download_id"] for moment in moments]
    assert clock.now - 100.0 == pytest.approx(moments[-1].at_s)
    assert demo.ended == {"download_complete": 3, "download_error": 1}


async def test_demo_publishes_nothing_early(broker: Broker, channel: str) -> None:
    moments = list(make_timeline(2, 10.0, random.Random(1)))
    clock, counts = Clock(100.0), [0]

    async def sleep(seconds: float) -> None:
        counts.append(len(await history(broker, channel)))
        due = sum(moment.at_s <= clock.now - 100.0 + 0.01 for moment in moments)
        assert counts[-1] <= due
        await clock.sleep(seconds)

    await Demo(broker, channel, clock, sleep).play(moments)
    assert any(after > before for before, after in pairwise(counts))


async def test_demo_ends_its_downloads_when_cancelled(broker: Broker, channel: str) -> None:
    clock = Clock(100.0)

    async def sleep(seconds: float) -> None:
        if clock.now > 108.5:
            raise asyncio.CancelledError
        await clock.sleep(seconds)

    demo = Demo(broker, channel, clock, sleep)
    with pytest.raises(asyncio.CancelledError):
        await demo.play(make_timeline(5, 10.0, random.Random(3)))
    events = await history(broker, channel)
    ends = [event["download_id"] for event in events if event["type"] in END_TYPES]
    assert sorted(map(str, ends)) == sorted({str(event["download_id"]) for event in events})
    assert len(ends) == 5 and 0 < demo.ended["download_cancelled"] < 5
