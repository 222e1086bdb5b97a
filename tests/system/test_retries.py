"""A download that failed for a passing reason is tried again, by whichever worker is there."""

import json

import pytest

from tests.programs import StartFrontEnd, StartWorker
from tests.scripted_server import Server, answer, honest
from tests.service import collect

pytestmark = pytest.mark.long

CONTENT = bytes(range(256)) * 1000
QUICK = {"SIMULCAST_RETRY_BASE_DELAY_S": "0.05", "SIMULCAST_LEASE_S": "2"}


async def test_the_count_outlives_the_worker_and_the_download_ends_well(
    front_end: StartFrontEnd, worker: StartWorker
) -> None:
    running = await front_end()
    first = worker(**QUICK)
    connection = await running.connect()
    busy = answer(503, {"Content-Length": "0", "Retry-After": "0"})
    async with Server() as server:
        url = server.at("/a.bin", *[busy] * 4, honest(CONTENT, cut_after=100_000), honest(CONTENT))
        await running.post("/downloads", {"url": url})
        await collect(connection, '"retries":2')
        first.kill()
        worker(**QUICK)
        events = [json.loads(text) for text in await collect(connection, "download_complete")]
        assert server.requests[-1].headers["range"] == "bytes=100000-"
    waits = [event for event in events if event["type"] == "download_queued" and "retry_at" in event]
    assert [event["retries"] for event in waits] == [3, 4, 5]
    assert waits[0]["error_message"] == "the server answered 503 Service Unavailable"
    assert "100000 of 256000 bytes" in waits[-1]["error_message"]
    assert {event["attempt"] for event in events} == {1}
    await connection.close()


async def test_after_so_many_retries_it_is_an_error_with_the_last_reason(
    front_end: StartFrontEnd, worker: StartWorker
) -> None:
    running = await front_end()
    worker(**QUICK, SIMULCAST_RETRIES="2")
    connection = await running.connect()
    async with Server() as server:
        await running.post("/downloads", {"url": server.at("/a.bin", answer(500, {"Content-Length": "0"}))})
        event = json.loads((await collect(connection, "download_error"))[-1])
        assert len(server.requests) == 3
    assert event["error_message"] == "the server answered 500 Internal Server Error"
    await connection.close()


async def test_a_try_that_got_much_further_begins_the_count_anew(front_end: StartFrontEnd, worker: StartWorker) -> None:
    running = await front_end()
    worker(**QUICK, SIMULCAST_RETRIES="1")
    connection = await running.connect()
    large = bytes(7_000_000)
    async with Server() as server:
        cut = honest(large, cut_after=1_500_000)
        await running.post("/downloads", {"url": server.at("/a.bin", *[cut] * 4, honest(large))})
        events = [json.loads(text) for text in await collect(connection, "download_complete")]
    assert [event["retries"] for event in events if "retry_at" in event] == [1, 1, 1, 1]
    await connection.close()
