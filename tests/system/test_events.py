"""Server-sent events: the same promises as at `/ws`."""

import asyncio
import json
import random
import socket
from urllib.parse import quote

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.model.events import complete_event, progress_event
from tests.conditions import eventually
from tests.event_stream import stream
from tests.http_requests import raw_request
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.valkey import Valkey


def at(running: FrontEnd, query: str = "") -> str:
    return f"http://127.0.0.1:{running.port}/events{query}"


def ns(texts: list[str]) -> list[int]:
    return [json.loads(text)["n"] for text in texts]


@pytest.mark.parametrize("raw", [True, False])
async def test_who_comes_back_with_the_last_id_gets_what_it_missed_once(
    front_end: StartFrontEnd, own_valkey: Valkey, raw: bool
) -> None:
    running = await front_end(raw=raw)
    broker = Broker.connect(own_valkey.url)
    await broker.publish(progress_event("x", 0.5, 1))
    async with stream(at(running)) as reader:
        headers = reader.response.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache, no-store, no-transform", "no")
        assert json.loads(await reader.next())["download_id"] == "x"  # the snapshot
        await broker.publish({"n": 1})
        assert ns(await reader.collect('"n":1')) == [1]
    assert reader.fields[0].startswith("retry: ")
    await broker.publish({"n": 2})
    polyfill = f"?last_event_id=1-1&lastEventId={reader.last_id}"  # the first query, and the newer position behind it
    for query, last_id in (("", reader.last_id), (f"?last_event_id={reader.last_id}", ""), (polyfill, "")):
        async with stream(at(running, query), last_id) as again:
            assert ns(await again.collect('"n":2')) == [2]
    async with stream(at(running, f"?last_event_id={reader.last_id}"), again.last_id) as newest:
        await broker.publish({"n": 3})  # the header is newer than the query that a browser repeats
        assert ns(await newest.collect('"n":3')) == [3]
        await broker.publish({"n": 4})
        assert ns(await newest.collect('"n":4')) == [4]
    await broker.aclose()


async def test_the_id_of_several_channels_recovers_each_of_them(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    query = "?channel=a&channel=b"
    async with stream(at(shared_front_end, query)) as reader:
        for n, channel in enumerate("abab"):  # one by one: between channels there is no order
            await shared_broker.publish({"n": n}, channel)
            (seen,) = [json.loads(text) for text in await reader.collect(f'"n":{n}')]
            assert (seen["channel"], seen["n"]) == (channel, n)
    await shared_broker.publish({"n": 4}, "a")
    await shared_broker.publish({"n": 5}, "b")
    async with stream(at(shared_front_end, query), reader.last_id) as again:
        await shared_broker.publish({"n": 6}, "b")
        assert sorted(ns(await again.collect('"n":6'))) == [4, 5, 6]


async def test_one_download_alone_and_foreign_texts_as_they_are(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    async with stream(at(shared_front_end, "?download_id=x")) as one, stream(at(shared_front_end)) as all_of_it:
        await shared_broker.publish(progress_event("y", 0.5, 1))
        await shared_broker.publish(complete_event("x", "/x"))
        assert json.loads(await one.next())["type"] == "download_complete"
        await all_of_it.collect("download_complete")
        last_id = all_of_it.last_id
        async with redis.asyncio.from_url(shared_front_end.redis_url, protocol=2) as plain:
            await plain.publish("simulcast:downloads", "two\r\nlines\n\nid: 1-1\n")
        assert await all_of_it.next() == "two\nlines\n\nid: 1-1\n"
        assert all_of_it.last_id == last_id


async def test_what_makes_no_sense_is_400_and_a_foreign_page_is_refused(shared_front_end: FrontEnd) -> None:
    host = f"Host: 127.0.0.1:{shared_front_end.port}"
    for target, named in (("?channel=a%20b", "channel"), ("?since=x", "since"), ("?interval_ms=x", "interval")):
        status, body = await shared_front_end.get(f"/events{target}")
        assert status == 400 and named in str(body["detail"])
    status, _ = await raw_request(shared_front_end, f"GET /events HTTP/1.1\n{host}\nOrigin: https://evil.example")
    assert status == 403
    status, _ = await raw_request(shared_front_end, "GET /events HTTP/1.1\nHost: evil.example")
    assert status == 421


ODD_IDS = (
    "x",
    "0",
    "1-2-3",
    "-",
    ",",
    ":",
    "%00",
    "a:1-2,b:",
    "downloads:",
    "9" * 40 + "-1",
    "1-" + "9" * 40,
    "\u00e9",
    "1 - 2",
)


@pytest.mark.parametrize("header", [True, False])
async def test_a_last_id_that_is_none_is_answered_with_the_snapshot_since_no_browser_can_correct_it(
    shared_front_end: FrontEnd, shared_broker: Broker, header: bool
) -> None:
    await shared_broker.publish(progress_event("x", 0.5, 1), "odd")
    generator = random.Random(7)
    drawn = ["".join(generator.choices("0123456789-:,abé", k=generator.randint(1, 30))) for _ in range(20)]
    for last_id in (*ODD_IDS, *drawn):
        name = generator.choice(["lastEventId", "last_event_id", "Last-Event-ID", "lastEventID"])
        query = "?channel=odd" + ("" if header else f"&{name}={quote(last_id)}")
        async with stream(at(shared_front_end, query), last_id if header else "") as reader:
            assert '"recovered":false' in await reader.hello(), last_id
            assert json.loads(await reader.next())["download_id"] == "x", last_id


async def test_without_redis_there_are_no_events_yet(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    own_valkey.stop()
    running = await front_end(ready=False)

    async def refused() -> bool:
        status, body = await running.get("/events")
        return status == 503 and "no events yet" in str(body["detail"])

    await eventually(refused, "the refusal")


@pytest.mark.parametrize("raw", [True, False])
async def test_a_process_that_is_told_to_end_ends_its_streams_and_waits_for_none(
    front_end: StartFrontEnd, raw: bool
) -> None:
    running = await front_end(raw=raw)
    async with stream(at(running)) as reader:
        await asyncio.to_thread(running.stop)
        with pytest.raises(EOFError):
            await reader.next()
    assert "graceful" not in running.output()


async def test_who_does_not_read_holds_up_neither_the_others_nor_the_end(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.connect(("127.0.0.1", running.port))
        idle.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with stream(at(running)) as reader:
            for n in range(300):
                await broker.publish({"n": n, "text": "x" * 60_000})
                assert ns([await reader.next()]) == [n]
        await asyncio.to_thread(running.stop)
    assert "graceful" not in running.output()
    await broker.aclose()
