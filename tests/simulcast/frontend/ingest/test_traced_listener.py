"""Spans of events that carry a `traceparent`: one flush ends them, and of one flush there are few."""

from typing import Any, cast

import redis.asyncio

from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.ingest.traced_listener import MAX_SPANS, TracedListener
from simulcast.model.position import Position
from simulcast.store.topology import Topology
from tests.clocks import Clock
from tests.fake_clients import make_hub
from tests.spans import CAUSE, CAUSE_ID, recorded_spans

TAG = "0123456789ab"


async def test_a_flush_ends_the_spans_of_its_events_and_of_a_crowd_of_events_few_have_one() -> None:
    clock = Clock()
    topology = Topology(redis.asyncio.Redis())
    nothing = cast(Any, None)
    listener = TracedListener(nothing, topology, Counters(clock), nothing, nothing)
    feed = Feed(make_hub(clock))
    feed.load_snapshot(Position(1, 0), TAG, [], {})
    subscription = listener.add("downloads", feed)

    def receive(offset: int, member: str) -> None:
        listener._handle_message(subscription, f'{TAG} 1-{offset} - \n{{"n":1{member}}}'.encode())

    on_flush = feed.hub.on_flush
    with recorded_spans() as (_, exporter):
        receive(1, "")
        feed.hub.flush()
        assert exporter.get_finished_spans() == ()
        for offset in range(2, MAX_SPANS + 12):
            receive(offset, f',"traceparent":"{CAUSE}"')
        assert exporter.get_finished_spans() == ()
        feed.hub.flush()
        spans = exporter.get_finished_spans()
        assert len(spans) == MAX_SPANS
        assert {span.parent and f"{span.parent.span_id:016x}" for span in spans} == {CAUSE_ID}
        assert feed.hub.on_flush == on_flush
        receive(MAX_SPANS + 12, f',"traceparent":"{CAUSE}"')
        feed.hub.flush()
        assert len(exporter.get_finished_spans()) == MAX_SPANS + 1
    assert feed.position == Position(1, MAX_SPANS + 12)
    await topology.aclose()
