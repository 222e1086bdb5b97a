"""Traces: a member of events, and spans where they are enabled."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from simulcast import sync, tracing
from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable, SettingRefused
from simulcast.model.events import MAX_EVENT_BYTES, Event, Message, encode, progress_event
from simulcast.model.position import Position
from simulcast.model.trace_context import find_traceparent
from simulcast.store.sender import Sender
from tests.service import ROOT
from tests.spans import CAUSE, recorded_spans
from tests.valkey import Valkey

Recorded = tuple[TracerProvider, InMemorySpanExporter]


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with recorded_spans() as found:
        yield found


def encoded(message: Message, traceparent: str = CAUSE) -> bytes:
    event = encode(message, traceparent=traceparent)
    assert isinstance(event, Event)
    return event.payload


@pytest.mark.parametrize(
    ("message", "payload"),
    [
        ({"n": 1}, b'{"n":1,"traceparent":"%b"}'),
        ({}, b'{"traceparent":"%b"}'),
        (" { } ", b'{ "traceparent":"%b"}'),
        (' {"a": 1.0e5 } ', b'{"a": 1.0e5 ,"traceparent":"%b"}'),
        (
            progress_event("1", 0.5, 10),
            b'{"type":"download_progress","download_id":"1","progress":0.5,"speed":10,"traceparent":"%b"}',
        ),
    ],
)
def test_the_cause_becomes_the_last_member_and_nothing_else_changes(message: Message, payload: bytes) -> None:
    assert encoded(message) == payload % CAUSE.encode()
    assert find_traceparent(encoded(message)) == CAUSE


@pytest.mark.parametrize(
    "damaged", ["", "00", CAUSE.upper(), CAUSE + "\n", CAUSE.replace("00-", "01-"), CAUSE[:-2] + "é1"]
)
def test_a_damaged_cause_counts_as_none(damaged: str) -> None:
    assert encoded({"n": 1}, damaged) == b'{"n":1}'


def test_the_publishers_own_member_stays_and_a_full_event_and_other_text_go_without_one() -> None:
    own = {"traceparent": "mine"}
    assert json.loads(encoded(own)) == own
    full = {"text": "x" * (MAX_EVENT_BYTES - 80)}
    assert json.loads(encoded(full)) == full
    assert encode("no JSON", traceparent=CAUSE) == "no JSON"


async def stored(broker: Broker, channel: str) -> bytes:
    """Return the newest event."""
    head = (await broker.head(channel)).position
    (publication,) = await broker.history(Position(head.epoch, head.offset - 1), head, channel)
    return publication.payload


async def test_without_spans_the_cause_is_the_one_that_was_named(broker: Broker, channel: str) -> None:
    await broker.publish({"n": 1}, channel, traceparent=CAUSE)
    assert find_traceparent(await stored(broker, channel)) == CAUSE
    assert tracing.current() == ""


async def test_publishing_is_a_span_of_the_code_around_it_or_of_the_named_cause(
    broker: Broker, channel: str, recorded: Recorded
) -> None:
    provider, exporter = recorded
    for named in (CAUSE, ""):
        exporter.clear()
        with provider.get_tracer("test").start_as_current_span("around"):
            around = tracing.current()
            await broker.publish({"n": 1}, channel, traceparent=named)
        publish, _ = exporter.get_finished_spans()
        assert publish.name == "publish" and publish.parent is not None
        _, trace_id, span_id, _ = (named or around).split("-")
        assert (f"{publish.parent.trace_id:032x}", f"{publish.parent.span_id:016x}") == (trace_id, span_id)
        _, trace_id, span_id, _ = find_traceparent(await stored(broker, channel)).split("-")
        assert (f"{publish.context.trace_id:032x}", f"{publish.context.span_id:016x}") == (trace_id, span_id)


async def test_a_publication_that_fails_ends_its_span_with_the_error(
    broker: Broker, channel: str, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> object:
        raise BrokerUnavailable("Redis is away")

    monkeypatch.setattr(Sender, "execute", refuse)
    with pytest.raises(BrokerUnavailable):
        await broker.publish({"n": 1}, channel)
    (publish,) = recorded[1].get_finished_spans()
    assert publish.status.description == "BrokerUnavailable" and not publish.status.is_ok


def test_a_thread_publishes_in_the_span_around_it(valkey: Valkey, channel: str, recorded: Recorded) -> None:
    provider, exporter = recorded
    publisher = sync.SyncPublisher(valkey.url)
    try:
        with provider.get_tracer("test").start_as_current_span("around") as around:
            publisher.publish({"n": 1}, channel)
    finally:
        publisher.close()
    publish = next(span for span in exporter.get_finished_spans() if span.name == "publish")
    assert publish.parent is not None and publish.parent.span_id == around.get_span_context().span_id


def test_without_the_packages_of_the_extra_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingRefused, match=r"pip install 'simulcast\[tracing\]'"):
        tracing.configure("http://127.0.0.1:4318/v1/traces", "worker")
    assert not tracing.is_enabled()


def test_without_the_setting_no_program_imports_what_sends_spans() -> None:
    names = "[name for name in sys.modules if name.startswith('opentelemetry.exporter')]"  # redis-py imports others
    code = f"import sys, app.main, workers.worker; print({names})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
