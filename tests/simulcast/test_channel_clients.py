"""Clients of each channel over all front-ends."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from simulcast.channel_clients import count_clients
from simulcast.frontend.heartbeat import NO_ENDPOINT, HeartbeatReporter
from simulcast.model.processes import MAX_REPORTED_CHANNELS, ChannelCount, ChannelCounts, FrontEndRecord
from simulcast.process_registry import ProcessRegistry
from simulcast.shared_reading import SharedReading
from tests.clocks import Clock
from tests.fake_listeners import make_channels
from tests.process_records import FRONT_END
from tests.valkey import Valkey


@pytest.fixture
async def registry(own_valkey: Valkey) -> AsyncIterator[ProcessRegistry]:
    found = ProcessRegistry.connect(own_valkey.url)
    yield found
    await found.aclose()


def record(name: str, channels_with_clients: int, **clients: int) -> FrontEndRecord:
    clients_here = {"channels_with_clients": channels_with_clients, "clients_by_channel": clients}
    return FRONT_END.model_copy(update={"name": name, "clients": sum(clients.values()), **clients_here})


async def test_counts_are_those_of_all_front_ends_and_say_where_some_are_missing(registry: ProcessRegistry) -> None:
    assert (await count_clients(registry)).channels == []
    await registry.heartbeat(record("h:1", 2, a=1, b=2), {})
    await registry.heartbeat(record("h:2", 1, a=5), {})
    assert await count_clients(registry) == ChannelCounts.of({"b": 2, "a": 6}, complete=True)
    await registry.heartbeat(record("h:3", 700, a=1), {})
    counts = await count_clients(registry)
    assert (counts.channels[0], counts.complete) == (ChannelCount(channel="a", clients=7), False)


async def test_a_crowd_that_asks_shares_two_readings(
    registry: ProcessRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0
    read = registry.processes

    async def counted() -> object:
        nonlocal readings
        readings += 1
        return await read()

    monkeypatch.setattr(registry, "processes", counted)
    counts = SharedReading(partial(count_clients, registry))
    await asyncio.gather(*(counts.get() for _ in range(500)))
    assert readings <= 2


async def test_a_front_end_reports_the_channels_with_most_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    channels, listeners = make_channels(Clock())
    counts = [(f"c{n}", n, 0) for n in range(MAX_REPORTED_CHANNELS + 10)]
    monkeypatch.setattr(channels, "client_counts", lambda: counts)
    monkeypatch.setattr(listeners, "not_ready", lambda: None, raising=False)
    reporter = HeartbeatReporter("h:1", 0.0, NO_ENDPOINT, channels, listeners)  # type: ignore[arg-type]
    found = reporter.record()
    assert found.channels_with_clients == MAX_REPORTED_CHANNELS + 9
    assert len(found.clients_by_channel) == MAX_REPORTED_CHANNELS
    assert min(found.clients_by_channel.values()) == 10
