"""One event from any process to every client of every front-end."""

import asyncio
import json
import os
import subprocess
import sys

import redis.asyncio

from simulcast.broker import Broker
from simulcast.model.events import complete_event, progress_event
from tests.programs import StartFrontEnd
from tests.service import ROOT, collect
from tests.valkey import Valkey

ASYNC_PUBLISHER = """
import asyncio, sys
from simulcast import broadcast_message
async def half(start):
    for n in range(start, start + 100):
        await broadcast_message({"type": "numbered", "from": "async", "n": n})
asyncio.run(half(0))
asyncio.run(half(100))
"""
SYNC_PUBLISHER = """
from simulcast.sync import broadcast_message
for n in range(200):
    broadcast_message({"type": "numbered", "from": "sync", "n": n})
"""


def publishing(source: str, redis_url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, env={**os.environ, "REDIS_URL": redis_url})


async def test_two_processes_publish_and_four_clients_of_two_front_ends_see_each_event_once_in_order(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    front_ends = [await front_end(), await front_end()]
    connections = [await each.connect() for each in front_ends for _ in range(2)]
    publishers = [publishing(source, own_valkey.url) for source in (ASYNC_PUBLISHER, SYNC_PUBLISHER)]
    codes = await asyncio.gather(*(asyncio.to_thread(each.wait, 60) for each in publishers))
    assert codes == [0, 0]
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"type": "the end"})
    await broker.aclose()
    seen = [await collect(connection, "the end") for connection in connections]
    assert seen[0] == seen[1] == seen[2] == seen[3]
    events = [json.loads(text) for text in seen[0]]
    offsets = [int(event["event_id"].partition("-")[2]) for event in events]
    assert offsets == list(range(1, 402))
    for source in ("async", "sync"):
        assert [event["n"] for event in events if event.get("from") == source] == list(range(200))
    for connection in connections:
        await connection.close()


async def test_a_plain_publish_by_anyone_reaches_all_clients_in_wire_form(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    connections = [await (await front_end()).connect() for _ in range(2)]
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
        text = '{"type":"download_progress","download_id":"x","progress":1,"speed":1}'
        await client.publish("simulcast:downloads", text)
    for connection in connections:
        expected = '{"type":"download_progress","download_id":"x","progress":1.0,"speed":1}'
        assert await connection.recv() == expected
        await connection.close()


async def test_what_looks_like_a_broker_cannot_forge_a_position(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    running = await front_end()
    connection = await running.connect()
    broker = Broker.connect(own_valkey.url)
    head = (await broker.head()).position
    forged = f'0123456789ab {head.epoch}-1 - \n{{"type":"forged"}}'
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as client:
        await client.publish("simulcast:downloads", forged)
        await client.publish("simulcast:downloads", b"0123456789ab 1-1 - \xff\n{}")  # text like any other
        await client.publish("simulcast:downloads", '{"event_id":"1-1","n":NaN}')
        await client.publish("simulcast:downloads", f'{{"event_id":"{head.epoch}-1","type":"forged"}}')
        await client.publish("simulcast:downloads", '{"type":"download_progress","download_id":"x","progress":null}')
        await client.publish("simulcast:downloads", '{"type":"download_progress","download_id":"x","progress":"?"}')
        await client.publish("simulcast:downloads", "the last of them")
    seen = await collect(connection, "the last of them")
    assert seen[0] == "0123456789ab 1-1 - \ufffd\n{}"
    assert seen[1] == '{"type":"forged"}'
    assert seen[2] == '{"type":"download_progress","download_id":"x","progress":0.0,"speed":0}'
    assert len(seen) == 4
    await broker.publish({"type": "true"})
    (text,) = await collect(connection, '"true"')
    assert json.loads(text)["event_id"] == f"{head.epoch}-1"
    await connection.close()
    await broker.aclose()


async def test_a_bare_client_that_was_cut_off_sees_the_end_it_missed_once(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    connection = await running.connect()
    await broker.publish(progress_event("12345", 0.5, 100))
    await collect(connection, "12345")
    connection.transport.abort()
    await broker.publish(progress_event("12345", 1, 100))
    await broker.publish(complete_event("12345", "/downloads/a.iso"))
    connection = await running.connect()
    await broker.publish({"type": "later"})
    seen = await collect(connection, "later")
    told = [json.loads(text)["type"] for text in seen]
    assert [each for each in told if each != "download_progress"] == ["download_complete", "later"]
    await connection.close()
    await broker.aclose()


async def test_a_client_that_names_its_position_gets_what_it_missed_from_memory_or_history(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    broker = Broker.connect(own_valkey.url)
    before = [await broker.publish({"n": n}) for n in range(5)]
    running = await front_end()  # its memory begins after these: they come from the history
    for n in range(5, 10):
        await broker.publish({"n": n})
    for position, missed in ((before[1], range(2, 10)), (before[4], range(5, 10))):
        connection = await running.connect(f"?since={position}")
        seen = await collect(connection, '"n":9')
        assert [json.loads(text)["n"] for text in seen] == list(missed)
        await connection.close()
    await broker.aclose()


async def test_where_the_counter_began_anew_the_snapshot_comes(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    await broker.publish(progress_event("a", 0.5, 1))
    connection = await running.connect("?since=1000-1")
    seen = await collect(connection, "download_progress")
    assert len(seen) == 1
    await connection.close()
    await broker.aclose()


async def test_started_by_plain_uvicorn_it_serves_the_same_by_messages(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end(raw=False)
    broker = Broker.connect(own_valkey.url)
    await broker.publish(progress_event("a", 0.5, 1))
    connections = [await running.connect() for _ in range(3)]
    for n in range(500):
        await broker.publish({"type": "numbered", "n": n, "text": "ü"})
    for connection in connections:
        seen = [json.loads(text) for text in await collect(connection, '"n":499')]
        assert seen[0]["type"] == "download_progress"
        assert [event["n"] for event in seen[1:]] == list(range(500))
        await connection.send('{"action":"pause_download","download_id":"nobody"}')
        assert "unknown_download" in (await collect(connection, "command_result"))[-1]
        await connection.close()
    await broker.aclose()
