"""Each promised metric is there, and moves when what it counts happens: real front-ends, a real Valkey."""

import json
import re
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.processes import WorkerRecord
from simulcast.process_registry import ProcessRegistry
from tests.conditions import eventually
from tests.http_requests import get_text
from tests.ports import free_port
from tests.programs import StartFrontEnd, one_front_end
from tests.scraping import Admin, start_with_admin
from tests.service import ROOT, collect
from tests.valkey import Valkey

PROGRESS = {"type": "download_progress", "download_id": "d", "progress": 0.5, "speed": 1}


@pytest.fixture
async def admin(front_end: StartFrontEnd) -> Admin:
    return await start_with_admin(front_end)


@pytest.fixture(scope="module")
def shared_admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """One for all tests that count nothing from zero."""
    port = free_port()
    with one_front_end(tmp_path_factory.mktemp("admin"), SIMULCAST_ADMIN_PORT=str(port)) as front_end:
        yield Admin(front_end, port)


@pytest.fixture
async def broker(own_valkey: Valkey) -> AsyncIterator[Broker]:
    found = Broker.connect(own_valkey.url)
    yield found
    await found.aclose()


async def reaches(admin: Admin, name: str, least: float, **labels: str) -> None:
    async def enough() -> bool:
        return await admin.value(name, **labels) >= least

    await eventually(enough, f"{name} {labels} of {least}")


async def test_the_document_lists_every_metric_with_its_type_and_labels_and_no_other(shared_admin: Admin) -> None:
    document = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(simulcast_\w+)` \| (\w+) \| ([\w, ]*)\|", document, re.MULTILINE)
    listed = {(name.removesuffix("_total"), kind, labels.strip()) for name, kind, labels in rows}
    assert len(listed) > 20
    scraped = await shared_admin.scrape()
    told = {
        (
            family.name,
            family.type,
            ", ".join(sorted({label for sample in family.samples for label in sample.labels} - {"le"})),
        )
        for family in scraped.families
        if family.name.startswith("simulcast_")
    }
    assert told == listed
    assert all(family.documentation for family in scraped.families)
    assert scraped.value("process_open_fds") > 3


async def test_metrics_are_on_the_admin_port_only_and_nothing_else_is_there(shared_admin: Admin) -> None:
    assert (await shared_admin.front_end.get("/metrics"))[0] == 404
    for path in ("/health", "/ready"):
        assert get_text(shared_admin.port, path)[0] == 200
    for path in ("/", "/downloads", "/docs", "/openapi.json", "/ws", "/events", "/page/page.js"):
        assert get_text(shared_admin.port, path)[0] == 404, path
    assert get_text(shared_admin.port, "/metrics", host="evil.example")[0] == 421


async def test_without_an_admin_port_there_are_no_metrics(front_end: StartFrontEnd) -> None:
    assert (await (await front_end()).get("/metrics"))[0] == 404


async def test_they_want_no_token_and_are_told_below_a_sub_path(front_end: StartFrontEnd) -> None:
    found = await start_with_admin(front_end, root_path="/x/", SIMULCAST_TOKEN_SECRET="x" * 32)
    assert await found.value("simulcast_ready") == 1


async def test_events_clients_deliveries_bytes_flushes_and_latency(admin: Admin, broker: Broker) -> None:
    before = await admin.scrape()
    async with await admin.front_end.connect() as one, await admin.front_end.connect("?channel=other") as two:
        await broker.publish({"type": "ping"}, "other")
        await collect(two, "ping")
        for n in range(5):
            await broker.publish({"type": "event", "n": n})
        texts = await collect(one, '"n":4')
        after = await admin.scrape()
        assert after.value("simulcast_clients", channel="downloads", state="current") == 1
        assert after.value("simulcast_clients", channel="other", state="current") == 1
        assert after.value("simulcast_channels") == 2
        assert after.value("simulcast_deliveries_total") - before.value("simulcast_deliveries_total") == 6
        assert after.value("simulcast_sent_bytes_total") >= sum(map(len, texts))
        assert after.value("simulcast_events_received_total") - before.value("simulcast_events_received_total") >= 6
        assert after.value("simulcast_joins_total") == 2
        assert after.value("simulcast_flush_seconds_count") >= 2
        await reaches(admin, "simulcast_latency_seconds_count", 2)  # one of each channel
        assert 0 < await admin.value("simulcast_latency_seconds_sum") < 20


async def test_recoveries_by_what_was_given(admin: Admin, broker: Broker) -> None:
    first = await broker.publish(PROGRESS)
    last = await broker.publish({"type": "last"})
    assert first is not None and last is not None
    for since in (first, last, f"{last.epoch}-0", f"{last.epoch - 1}-7"):
        async with await admin.front_end.connect(f"?since={since}") as client:
            await client.send("{}")
            await collect(client, "missing_member")
    scraped = await admin.scrape()
    assert scraped.value("simulcast_recoveries_total", source="memory") == 3
    assert scraped.value("simulcast_recoveries_total", source="snapshot") == 1
    assert scraped.value("simulcast_recoveries_total", source="history") == 0


async def test_a_recovery_beyond_memory_is_one_from_the_history(
    front_end: StartFrontEnd, broker: Broker, own_valkey: Valkey
) -> None:
    first = await broker.publish({"type": "first"})
    own = await start_with_admin(front_end)
    for _ in range(400):  # beyond what the log keeps in bytes
        await broker.publish({"type": "large", "text": "x" * 60_000})
    async with await own.front_end.connect(f"?since={first}&channel=downloads") as client:
        await broker.publish({"type": "end-of-it"})
        await collect(client, "end-of-it")
    assert await own.value("simulcast_recoveries_total", source="history") == 1


async def test_gaps_epochs_and_reconnects(admin: Admin, broker: Broker, own_valkey: Valkey) -> None:
    async with await admin.front_end.connect() as client:
        await broker.publish({"type": "before"})
        await collect(client, "before")
        with redis.Redis(port=own_valkey.port, protocol=2) as plain:
            plain.client_kill_filter(_type="pubsub")
            await reaches(admin, "simulcast_redis_reconnects_total", 1)
            await eventually(lambda: ready(admin), "readiness")
            keys = plain.keys("*:meta")
            plain.hincrby(keys[0], "offset", 1)  # as if one had been published that never came, and is nowhere kept
        await broker.publish({"type": "after"})
        await reaches(admin, "simulcast_gaps_lost_total", 1)
        await reaches(admin, "simulcast_clients_cut_total", 1)
    await reaches(admin, "simulcast_gaps_found_total", 1)
    assert await admin.value("simulcast_epochs_total") == 0
    own_valkey.kill()
    own_valkey.start()
    await reaches(admin, "simulcast_epochs_total", 1)


async def ready(admin: Admin) -> bool:
    return (await admin.front_end.get("/ready"))[0] == 200


async def test_what_the_subscription_missed_is_filled_and_counted(
    admin: Admin, broker: Broker, own_valkey: Valkey
) -> None:
    async with await admin.front_end.connect() as client:
        await client.send("{}")
        await collect(client, "missing_member")
        admin.front_end.signal(signal.SIGSTOP)
        with redis.Redis(port=own_valkey.port, protocol=2) as plain:
            plain.client_kill_filter(_type="pubsub")
        for n in range(10):
            await broker.publish({"type": "event", "n": n})
        admin.front_end.signal(signal.SIGCONT)
        texts = await collect(client, '"n":9')
        assert [json.loads(text)["n"] for text in texts] == list(range(10))
    await reaches(admin, "simulcast_backfilled_total", 10)
    assert await admin.value("simulcast_backfilled_total") == 10
    assert await admin.value("simulcast_gaps_lost_total") == 0


async def test_what_only_looks_like_a_brokers_is_counted_as_refused(shared_admin: Admin) -> None:
    with redis.Redis.from_url(shared_admin.front_end.redis_url, protocol=2) as plain:
        plain.publish("simulcast:downloads", '0123456789ab 1-1 - \n{"type":"forged"}')
    await reaches(shared_admin, "simulcast_events_refused_total", 1)


async def test_a_client_that_does_not_read_is_behind(admin: Admin, broker: Broker) -> None:
    async with await admin.front_end.connect() as client:
        client.transport.pause_reading()

        async def is_behind() -> bool:
            for n in range(30):
                await broker.publish({"type": "large", "n": n, "text": "x" * 60_000})
            return await admin.value("simulcast_clients", channel="downloads", state="behind") == 1

        await eventually(is_behind, "a client that is behind")
        client.transport.abort()


async def test_jobs_queue_processes_and_bytes_of_all_workers(admin: Admin, broker: Broker, own_valkey: Valkey) -> None:
    jobs, census = Jobs.connect(own_valkey.url, broker), ProcessRegistry.connect(own_valkey.url)
    for download_id in ("a", "b", "c"):
        await jobs.submit("https://example.com/x", download_id)
    claim = await jobs.claim("host:1", 60)
    assert claim is not None
    await jobs.finish(claim, "error", {"error": "x"}, {"error_message": "x"})
    assert await jobs.claim("host:1", 60) is not None
    record = WorkerRecord(name="host:1", version="", started_at=0, running=1, max_downloads=4, bytes_per_s=0)
    await census.heartbeat(record, {"received_bytes": 1000})
    await census.heartbeat(record, {"received_bytes": 500})
    await reaches(admin, "simulcast_processes", 1, kind="front_end")
    scraped = await admin.scrape()
    found = {
        state: scraped.value("simulcast_jobs", state=state)
        for state in ("queued", "running", "paused", "complete", "error", "cancelled")
    }
    assert found == {"queued": 1, "running": 1, "paused": 0, "complete": 0, "error": 1, "cancelled": 0}
    assert scraped.value("simulcast_queue_oldest_seconds") > 0
    assert scraped.value("simulcast_processes", kind="worker") == 1
    assert scraped.value("simulcast_downloaded_bytes_total") == 1500
    await jobs.aclose()
    await census.aclose()


async def test_while_redis_is_away_a_front_end_tells_what_it_knows_itself(admin: Admin, own_valkey: Valkey) -> None:
    own_valkey.kill()

    async def not_ready() -> bool:
        return await admin.value("simulcast_ready") == 0

    await eventually(not_ready, "that it isn't ready")
    scraped = await admin.scrape()
    assert "simulcast_jobs" not in {family.name for family in scraped.families}
    own_valkey.start()
    await reaches(admin, "simulcast_ready", 1)
