"""Channels by REST: their clients over all front-ends, their snapshot, and what a reconnect would replay."""

import json
import secrets
from typing import Any

import pytest
import websockets

from simulcast.broker import Broker
from simulcast.frontend.subscriptions.channel_reader import MAX_HISTORY_EVENTS
from simulcast.model.events import complete_event, progress_event
from simulcast.model.position import Position
from tests.conditions import eventually
from tests.json_requests import JSONAnswer, send_json
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect
from tests.signed_tokens import token


@pytest.fixture
def name() -> str:
    """Return a channel of the test's own."""
    return f"c-{secrets.token_hex(4)}"


async def read(running: FrontEnd, path: str, **options: str) -> Any:
    answer = await send_json(running, "GET", path, **options)
    assert answer.status == 200, answer.text
    return answer.body


async def test_channels_are_listed_with_their_clients_on_all_front_ends(front_end: StartFrontEnd) -> None:
    first, second = await front_end(), await front_end()
    clients = [
        await each.connect(query) for each in (first, second) for query in ("?channel=a", "?channel=a&channel=b")
    ]

    async def counted() -> bool:
        expected = [{"channel": "a", "clients": 4}, {"channel": "b", "clients": 2}]
        found: object = await read(second, "/channels")
        return found == {"channels": expected, "complete": True}

    await eventually(counted, "the heartbeats of both")
    for client in clients:
        await client.close()

    async def empty() -> bool:
        found: object = await read(first, "/channels")
        return found == {"channels": [], "complete": True}

    await eventually(empty, "the heartbeats of both")


async def test_state_is_the_snapshot_that_a_joining_client_receives(
    shared_front_end: FrontEnd, shared_broker: Broker, name: str
) -> None:
    await shared_broker.publish(progress_event("a", 0.25, 1), name)
    await shared_broker.publish(progress_event("a", 0.5, 1), name)
    await shared_broker.publish('{"type":"mine", "n":1.10}', name, key="k")
    await shared_broker.publish(complete_event("b", "/b"), name)
    position = await shared_broker.publish({"type": "no key"}, name)
    answer = await send_json(shared_front_end, "GET", f"/channels/{name}/state")
    assert answer.body.keys() == {"channel", "position", "complete", "events"}
    assert (answer.body["channel"], answer.body["position"], answer.body["complete"]) == (name, str(position), True)
    assert '"n":1.10}' in answer.text
    client = await shared_front_end.connect(f"?channel={name}&since=1-1")
    seen = await collect(client, "download_complete")
    assert answer.body["events"] == [json.loads(text) for text in seen]
    assert len(seen) == 3
    await client.close()


async def test_state_shows_what_was_published_before_the_request(
    shared_front_end: FrontEnd, shared_broker: Broker, name: str
) -> None:
    for n in range(50):
        position = await shared_broker.publish({"n": n}, name, key="k")
        state = await read(shared_front_end, f"/channels/{name}/state")
        assert (state["position"], state["events"][0]["n"]) == (str(position), n)


async def test_an_empty_channel_has_a_position(shared_front_end: FrontEnd, name: str) -> None:
    state = await read(shared_front_end, f"/channels/{name}/state")
    assert state["events"] == [] and Position.parse(state["position"]).offset == 0
    history = await read(shared_front_end, f"/channels/{name}/history?since={state['position']}")
    assert history == state | {"recovered": True}


async def test_history_is_what_a_reconnect_replays(
    shared_front_end: FrontEnd, shared_broker: Broker, name: str
) -> None:
    first = await shared_broker.publish({"n": 1}, name, key="k")
    for n in (2, 3):
        await shared_broker.publish({"n": n}, name, key="k")
    head = await shared_broker.publish({"n": 4}, name)
    history = await read(shared_front_end, f"/channels/{name}/history?since={first}")
    assert [event["n"] for event in history["events"]] == [3, 4]
    assert (history["position"], history["complete"], history["recovered"]) == (str(head), True, True)
    for lost in (f"{head.epoch if head else 0}-99", "1-1"):
        history = await read(shared_front_end, f"/channels/{name}/history?since={lost}")
        assert ([event["n"] for event in history["events"]], history["recovered"]) == ([3], False)


async def test_the_end_of_a_key_supersedes_its_progress_in_a_replay_and_is_superseded_by_nothing(
    front_end: StartFrontEnd,
) -> None:
    running = await front_end()
    broker = Broker.connect(running.redis_url)
    since = (await broker.head("ends")).position
    for name, ends in (("k1", False), ("k2", False), ("k1", True), ("k1", False), ("k1", True)):
        await broker.publish({"key": name, "ends": ends}, "ends", key=name, ends=ends)
    await broker.aclose()
    expected = [("k2", False), ("k1", True), ("k1", True)]
    for each in (running, await front_end()):
        history = await read(each, f"/channels/ends/history?since={since}")
        assert [(event["key"], event["ends"]) for event in history["events"]] == expected
        client = await each.connect(f"?channel=ends&since={since}")
        seen = [json.loads(await client.recv()) for _ in expected]
        assert seen == history["events"]
        await client.close()


async def test_a_long_history_comes_in_parts_from_memory_and_from_redis(front_end: StartFrontEnd) -> None:
    running = await front_end()
    broker = Broker.connect(running.redis_url)
    since = (await broker.head("long")).position
    count = 2 * MAX_HISTORY_EVENTS + 10
    for n in range(count):
        await broker.publish({"n": n, "x": "y" * 1200}, "long")
    await broker.aclose()
    fresh = await front_end()  # it reads the last 1 MiB into memory, and the rest from the history
    for each in (running, fresh):
        numbers: list[int] = []
        at, complete = str(since), False
        while not complete:
            part = await read(each, f"/channels/long/history?since={at}")
            assert part["recovered"] and len(part["events"]) <= MAX_HISTORY_EVENTS
            numbers += [event["n"] for event in part["events"]]
            at, complete = part["position"], part["complete"]
            assert len(json.dumps(part)) < 1_200_000
        assert numbers == list(range(count))


async def status(running: FrontEnd, path: str, **options: str) -> JSONAnswer:
    return await send_json(running, "GET", path, **options)


@pytest.mark.parametrize(
    "path",
    [
        "/channels/no%20name/state",
        "/channels/" + "x" * 101 + "/state",
        "/channels/a/history",
        "/channels/a/history?since=",
        "/channels/a/history?since=7",
        "/channels/a/history?since=1-1-1",
        "/channels/a/history?since=" + "9" * 25 + "-1",
        "/channels/a/history?since=%ED%A0%80",
        "/channels/a/history?since=٣-1",
    ],
)
async def test_paths_that_name_nothing_are_refused(path: str, shared_front_end: FrontEnd) -> None:
    answer = await status(shared_front_end, path)
    assert answer.status == 422, answer.text
    assert len(answer.text) < 300


async def test_channels_need_the_rights_that_following_needs(guarded: FrontEnd) -> None:
    mine = token("watch", channels=["team-*"])
    for path in ("/channels/team-1/state", "/channels/team-1/history?since=1-1"):
        assert (await status(guarded, path, token=mine)).status == 200
        assert (await status(guarded, path, token=token("publish command", channels=["*"]))).status == 403
        assert (await status(guarded, path.replace("team-1", "other"), token=mine)).status == 403
        assert (await status(guarded, path)).status == 401
    assert (await status(guarded, "/channels")).status == 401
    assert (await status(guarded, "/channels", token=token("publish"))).status == 403


async def test_a_list_names_only_channels_that_the_token_may_watch(guarded: FrontEnd) -> None:
    everything = token("watch", channels=["*"])
    headers = {"authorization": f"Bearer {everything}"}
    async with websockets.connect(
        f"{guarded.ws}?channel=team-1&channel=secret", additional_headers=headers, proxy=None
    ):

        async def listed() -> bool:
            found = await read(guarded, "/channels", token=everything)
            return {each["channel"] for each in found["channels"]} >= {"team-1", "secret"}

        await eventually(listed, "a heartbeat")
        mine = await read(guarded, "/channels", token=token("watch", channels=["team-*"]))
        assert [each["channel"] for each in mine["channels"]] == ["team-1"]
