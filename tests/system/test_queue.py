"""The order of the queue, changed by REST and over a WebSocket."""

import json
import time
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode

import pytest

from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect


async def add(running: FrontEnd, *names: str) -> list[str]:
    return [
        str((await running.post("/downloads", {"url": f"https://example.com/{name}", "download_id": name}))[1]["name"])
        for name in names
    ]


async def queue(running: FrontEnd) -> list[tuple[str, int]]:
    _, page = await running.get(f"/downloads?{urlencode({'sort': 'queue', 'order': 'asc'})}")
    records = cast(list[dict[str, Any]], page["downloads"])
    return [(record["download_id"], record["priority"]) for record in records]


async def test_the_queue_is_reordered_by_rest_and_other_clients_are_told(front_end: StartFrontEnd) -> None:
    running = await front_end()
    await add(running, *"abcd")
    client = await running.connect()
    await collect(client, '"d"')
    accepted = (200, {"status": "accepted"})
    assert await running.patch("/downloads/d", {"position": {"before": "b"}}) == accepted
    event = json.loads((await collect(client, "queue_rank"))[-1])
    _, record = await running.get("/downloads/d")
    assert (event["download_id"], event["queue_rank"]) == ("d", record["queue_rank"])
    assert await running.patch("/downloads/c", {"priority": 2}) == accepted
    assert await running.patch("/downloads/a", {"position": "first"}) == accepted
    assert await queue(running) == [("a", 2), ("c", 2), ("d", 0), ("b", 0)]
    assert await running.patch("/downloads/c", {"position": {"after": "b"}}) == accepted
    assert await running.patch("/downloads/c", {"limit_bytes_per_s": 1000}) == accepted
    assert (await running.get("/downloads/c"))[1]["limit_bytes_per_s"] == 1000
    await client.send('{"action":"move_download","download_id":"b","position":"first","command_id":"x"}')
    assert json.loads((await collect(client, '"command_result"'))[-1])["status"] == "accepted"
    await client.send('{"action":"prioritize_download","download_id":"d","priority":-1,"command_id":"y"}')
    assert json.loads((await collect(client, '"command_id":"y"'))[-1])
    assert await queue(running) == [("b", 2), ("a", 2), ("c", 0), ("d", -1)]
    await client.close()


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({}, 422, "give one of"),
        ({"priority": 1, "position": "first"}, 422, "give one of"),
        ({"priority": 10}, 422, "priority"),
        ({"position": 3}, 422, "position"),
        ({"position": {"before": "a"}}, 422, "beside itself"),
        ({"position": {"before": "b", "after": "c"}}, 422, "position"),
        ({"position": {"after": "nobody"}}, 409, "no download nobody that waits"),
        ({"position": {"after": "gone"}}, 409, "no download gone that waits"),
        ({"colour": "red"}, 422, "colour"),
        ({"priority": None}, 422, "give one of"),
        ({"start_at": None, "priority": 1}, 422, "give one of"),
        ({"name": "../a"}, 422, "name: is the name of a file alone"),
        ({"name": None}, 422, "give one of"),
        ({"start_at": "tomorrow"}, 422, "start_at: is seconds since 1970"),
        ({"start_at": "2026-12-24T18:00"}, 422, "start_at: needs a time zone"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    change: dict[str, object], status: int, words: str, shared_front_end: FrontEnd
) -> None:
    await add(shared_front_end, "a", "b", "gone")
    await shared_front_end.post("/downloads/gone/cancel", {})
    answered, answer = await shared_front_end.patch("/downloads/a", change)
    assert (answered, words in str(answer["detail"])) == (status, True), answer
    assert (await shared_front_end.patch("/downloads/nobody", {"position": "first"}))[0] == 404
    refused, answer = await shared_front_end.patch("/downloads/gone", {"position": "first"})
    assert (refused, "does not wait" in str(answer["detail"])) == (409, True)


async def test_start_and_name_are_changed_by_rest_and_over_a_websocket(front_end: StartFrontEnd) -> None:
    running = await front_end()
    await add(running, "a")
    client = await running.connect()
    await collect(client, '"a"')
    start_at = int(time.time()) + 3600
    assert await running.patch("/downloads/a", {"start_at": start_at}) == (200, {"status": "accepted"})
    assert json.loads((await collect(client, "start_at"))[-1])["start_at"] == start_at
    assert (await running.patch("/downloads/a", {"name": "b ü.iso"}))[0] == 200
    assert (await running.get("/downloads/a"))[1]["name"] == "b ü.iso"
    for now in (None, "now", 1.5):
        later = datetime.fromtimestamp(start_at + 1, UTC).isoformat()
        message = {"action": "schedule_download", "download_id": "a", "start_at": later, "command_id": f"c-{now}"}
        await client.send(json.dumps(message))
        await collect(client, '"command_result"')
        assert (await running.get("/downloads/a"))[1]["start_at"] == start_at + 1
        assert (await running.patch("/downloads/a", {"start_at": now}))[0] == 200
        assert (await running.get("/downloads/a"))[1]["start_at"] is None
    await running.post("/downloads/a/cancel", {})
    refused, answer = await running.patch("/downloads/a", {"start_at": None})
    assert (refused, "it runs or has ended" in str(answer["detail"])) == (409, True)
    await client.close()
