"""Batches of events by REST: an answer for each item, whatever the others are."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator

import pytest

from app.routes.publish import MAX_BATCH_BYTES, MAX_ITEMS
from simulcast.broker import Broker
from simulcast.jobs import Jobs
from tests.jobs import URL, claim_job, history
from tests.json_requests import send_json
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect
from tests.signed_tokens import token
from tests.valkey import Valkey

POST = b"POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def name() -> str:
    """Return a channel of the test's own."""
    return f"c-{secrets.token_hex(4)}"


async def publish(running: FrontEnd, items: object, **options: str) -> list[dict[str, str]]:
    answer = await send_json(running, "POST", "/publish", {"items": items}, **options)
    assert answer.status == 200, answer.text
    results: list[dict[str, str]] = answer.body["results"]
    return results


async def test_items_are_published_in_order_each_with_its_options(
    shared_front_end: FrontEnd, shared_broker: Broker, name: str
) -> None:
    results = await publish(
        shared_front_end,
        [
            {"channel": name, "event": {"type": "render", "n": 1}, "key": "a"},
            {"channel": name, "event": {"type": "render", "n": 2}, "key": "a", "ttl_s": 77},
            {"channel": name, "event": {"type": "render", "n": 3}, "key": "b", "ends": True},
            {"channel": name, "event": {"n": 4}, "idempotency_key": "once"},
            {"channel": name, "event": {"n": 5}, "idempotency_key": "once"},
            {"event": {"type": "download_progress", "download_id": "d", "progress": 1, "speed": 1}},
        ],
    )
    offsets = [int(result["event_id"].partition("-")[2]) for result in results]
    assert offsets[:5] == [1, 2, 3, 4, 4]
    shown = (await shared_broker.snapshot(name)).publications
    assert [(each.label, each.key, each.ttl_s) for each in shown] == [("p", "a", 77), ("e:::", "b", 0)]


BAD_ITEMS: list[tuple[object, str, str]] = [
    (["an", "array"], "invalid_item", "dictionary"),
    (7, "invalid_item", "dictionary"),
    ({}, "invalid_item", "event: Field required"),
    ({"event": {}, "id": 1}, "invalid_item", "id: Extra"),
    ({"event": [1]}, "not_an_object", "not list"),
    ({"event": "text"}, "not_an_object", "not str"),
    ({"event": None}, "not_an_object", "not NoneType"),
    ({"event": {"event_id": "1-1"}}, "invalid_event", "event_id"),
    ({"event": {"type": "download_progress"}}, "invalid_event", "download_id"),
    ({"event": {}, "ends": True}, "invalid_event", "name it with key"),
    ({"event": {}, "ends": "true", "key": "a"}, "invalid_item", "ends: Input should be a valid boolean"),
    ({"event": {}, "key": "a", "ttl_s": 0}, "invalid_item", "ttl_s"),
    ({"event": {}, "key": "a", "ttl_s": 1.5}, "invalid_item", "ttl_s"),
    ({"event": {}, "key": "a", "ttl_s": float("nan")}, "invalid_item", "ttl_s"),
    ({"event": {}, "key": "\ud800"}, "invalid_item", "key"),
    ({"event": {}, "key": "a\nb"}, "invalid_event", "control characters"),
    ({"event": {}, "key": "k" * 201}, "invalid_item", "200"),
    ({"event": {}, "idempotency_key": "k" * 201}, "invalid_item", "200"),
    ({"event": {}, "channel": "no name"}, "invalid_channel", "1 to 100"),
    ({"event": {}, "channel": "\udc00"}, "invalid_channel", "1 to 100"),
    ({"event": {}, "channel": ["a"]}, "invalid_item", "channel"),
    ({"event": {"x": float("nan")}}, "invalid_event", "JSON"),
    ({"event": {"x": float("inf")}}, "invalid_event", "JSON"),
    ({"event": {"x": "y" * 65_530}}, "too_large", "65,536"),
]


@pytest.mark.parametrize(("item", "error", "detail"), BAD_ITEMS)
async def test_a_bad_item_is_refused_by_name_and_costs_the_others_nothing(
    item: object, error: str, detail: str, shared_front_end: FrontEnd, shared_broker: Broker, name: str
) -> None:
    good = {"channel": name, "event": {"type": "mine"}}
    first, bad, last = await publish(shared_front_end, [good, item, good])
    assert first.keys() == last.keys() == {"event_id"}
    assert bad["error"] == error and detail in bad["detail"], bad
    assert await history(shared_broker, name) == [{"type": "mine"}] * 2


async def test_odd_events_that_are_json_are_published(
    shared_front_end: FrontEnd, shared_broker: Broker, name: str
) -> None:
    deep: object = 1
    for _ in range(200):
        deep = [deep]
    events = [{"x": "\ud800"}, {"x": deep}, {"x": 10**300}, {}, {"channel": "other", "key": 1, "ends": True}]
    results = await publish(shared_front_end, [{"channel": name, "event": event} for event in events])
    assert all("event_id" in result for result in results), results
    assert await history(shared_broker, name) == events


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'{"items": 1}', 422),
        (b'{"items": {}}', 422),
        (b'{"items": [], "more": 1}', 422),
        (b'{"items": ["\xff"]}', 422),
        (b'{"items": ' + b"[" * 100_000, 422),
        (b'{"items": [' + b'{"a":' * 100_000, 422),
        (json.dumps({"items": [{"event": {}}] * (MAX_ITEMS + 1)}).encode(), 422),
        (b'{"items": []}', 200),
    ],
)
async def test_a_body_without_items_is_refused_as_a_whole(body: bytes, status: int, shared_front_end: FrontEnd) -> None:
    answer = await send_json(shared_front_end, "POST", "/publish", body)
    assert answer.status == status, answer.text
    assert len(answer.text) < 500


async def test_a_body_has_a_bound_in_bytes(shared_front_end: FrontEnd) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_front_end.port)
    writer.write(POST + b"Content-Length: %d\r\n\r\n" % (MAX_BATCH_BYTES + 1))
    async with asyncio.timeout(20):
        assert (await reader.readline()).split()[1] == b"413"
    writer.close()


async def test_a_number_of_thousands_of_digits_costs_its_own_item(shared_front_end: FrontEnd, name: str) -> None:
    long = b'{"channel": "%b", "event": {"x": %b}}' % (name.encode(), b"9" * 5000)
    good = b'{"channel": "%b", "event": {}}' % name.encode()
    answer = await send_json(shared_front_end, "POST", "/publish", b'{"items": [%b, %b]}' % (long, good))
    assert [set(result) for result in answer.body["results"]] == [{"error", "detail"}, {"event_id"}]


async def test_a_thousand_items_reach_the_clients_of_two_front_ends(front_end: StartFrontEnd) -> None:
    first, second = await front_end(), await front_end()
    clients = [await each.connect("?channel=many") for each in (first, second)]
    items = [{"channel": "many", "event": {"type": "n", "n": n}} for n in range(MAX_ITEMS)]
    assert len(await publish(first, items)) == MAX_ITEMS
    for client in clients:
        seen = await collect(client, f'"n":{MAX_ITEMS - 1}}}')
        assert [json.loads(text)["n"] for text in seen] == list(range(MAX_ITEMS))
        await client.close()


@pytest.fixture
async def jobs(shared_front_end: FrontEnd, shared_broker: Broker) -> AsyncIterator[Jobs]:
    found = Jobs.connect(shared_front_end.redis_url, shared_broker)
    yield found
    await found.aclose()


async def test_no_item_ends_a_download_that_has_an_owner(
    jobs: Jobs, shared_front_end: FrontEnd, shared_broker: Broker, name: str
) -> None:
    await jobs.submit(URL, name)
    claim = await claim_job(jobs)
    assert claim.record.download_id == name
    forged = {"type": "download_complete", "download_id": name, "file_path": "/forged"}
    results = await publish(shared_front_end, [{"event": forged}, {"event": {"type": "x"}, "key": name, "ends": True}])
    assert all("is owned by the service" in result["detail"] for result in results), results
    refused = await send_json(shared_front_end, "POST", "/channels/downloads/publish", forged)
    assert refused.status == 422 and "is owned by the service" in refused.body["detail"]
    await jobs.finish(claim, "complete", {"file_path": "/real"}, {"file_path": "/real"})
    ends = [event for event in await history(shared_broker, "downloads") if event.get("download_id") == name]
    assert [event.get("file_path") for event in ends if event["type"] == "download_complete"] == ["/real"]
    shown = [each for each in (await shared_broker.snapshot()).publications if each.key == name]
    assert [json.loads(each.payload)["file_path"] for each in shown] == ["/real"]


@pytest.mark.parametrize("body", [[1], "text", 7, None, b"Hello", b'{"x":'])
async def test_what_cannot_be_kept_is_refused_by_name(body: object, shared_front_end: FrontEnd) -> None:
    sent = json.dumps(body).encode() if not isinstance(body, bytes) else body
    answer = await send_json(shared_front_end, "POST", "/channels/news/publish", sent)
    assert answer.status == 422 and "an event is a JSON object" in answer.body["detail"], answer.text


async def test_each_item_needs_the_right_to_its_channel(guarded: FrontEnd) -> None:
    items: list[object] = [{"channel": channel, "event": {}} for channel in ("team-1", "downloads", "team-2")]
    results = await publish(guarded, items, token=token("publish", channels=["team-*"]))
    assert [result.get("error") for result in results] == [None, "not_allowed", None]
    assert "not for channel downloads" in results[1]["detail"]
    lacking = await send_json(guarded, "POST", "/publish", {"items": items}, token=token("watch command files"))
    assert lacking.status == 403 and "scope publish" in lacking.body["detail"]
    assert (await send_json(guarded, "POST", "/publish", {"items": items})).status == 401


async def test_items_say_that_redis_is_away(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    running = await front_end()
    with own_valkey.admin() as admin:
        admin.config_set("maxmemory", "1")
        admin.config_set("maxmemory-policy", "noeviction")
    results = await publish(running, [{"event": {}}, {"event": [1]}])
    assert [result["error"] for result in results] == ["unavailable", "not_an_object"]
    assert "Redis is full" in results[0]["detail"]


async def test_few_batches_of_a_crowd_are_read_simultaneously(shared_front_end: FrontEnd) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", shared_front_end.port) for _ in range(16)]
    for _, writer in slow:
        writer.write(POST + b"Content-Length: 9\r\n\r\n")
    async with asyncio.timeout(20):
        while (answer := await send_json(shared_front_end, "POST", "/publish", {"items": []})).status == 200:
            await asyncio.sleep(0.01)
    assert answer.status == 503 and "16 batches" in answer.body["detail"]
    for _, writer in slow:
        writer.close()
    async with asyncio.timeout(20):
        while (await send_json(shared_front_end, "POST", "/publish", {"items": []})).status == 503:
            await asyncio.sleep(0.01)
