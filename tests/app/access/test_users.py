"""Users with a channel each: over no way in does one learn of another's, not even that it exists.

The token of one names the channel; the other's names its user alone; SIMULCAST_USER_CHANNELS makes the channel of it.
"""

import json
import re
from contextlib import aclosing
from typing import cast

import pytest
from websockets.exceptions import InvalidStatus

from app.main import app
from simulcast.broker import Broker
from tests.app.access.connections import connect
from tests.app.access.users import (
    ALICE,
    BOB,
    CHANNELS,
    OWN,
    TOKENS,
    ask,
    body_of,
    download_in,
    job_in,
    publish,
    secrets_in,
    state_of,
    tell,
    watching,
)
from tests.conditions import eventually
from tests.service import FrontEnd, collect

# Each path with and without something behind it: {channel}, {id} of a job, {download} of a download.
GET = (
    "/channels/{channel}/state",
    "/channels/{channel}/history?since=1-1",
    "/jobs?channel={channel}",
    "/jobs/{id}?channel={channel}",
    "/jobs/{id}",
    "/downloads/{download}",
    "/downloads/{download}?channel={channel}",
    "/downloads/{download}/file?channel={channel}",
    "/downloads?channel={channel}",
    "/downloads",
    "/status",
    "/status?channel={channel}",
    "/events?channel={channel}",
    "/events?channel={channel}&download_id={id}",
    "/events?channel={channel}&since=1-1",
)
POST = (
    "/downloads?channel={channel}",
    "/downloads/{download}/limit?channel={channel}",
    "/downloads/{download}/file/link?channel={channel}",
    "/downloads/clear?channel={channel}",
    "/jobs/{id}/cancel?channel={channel}",
    "/downloads",
    "/downloads/{download}/pause?channel={channel}",
    "/downloads/{download}/limit",
    "/downloads/clear",
    "/channels/{channel}/publish",
    "/revocations",
)
DELETE = ("/jobs/{id}?channel={channel}", "/downloads/{download}?channel={channel}")
WAYS = [
    *(("GET", path) for path in GET),
    *(("POST", path) for path in POST),
    *(("DELETE", path) for path in DELETE),
    ("PUT", "/limits"),
    ("PATCH", "/downloads/{download}"),
    ("PATCH", "/downloads/{download}?channel={channel}"),
]
# Three tell nothing of channels, and two give each channel an answer of its own, in tests below.
ELSEWHERE = {("GET", "/health"), ("GET", "/ready"), ("GET", "/limits"), ("GET", "/channels"), ("POST", "/publish")}


def blurred(text: str, *names: str) -> str:
    """Return an answer without what was asked for, and when: all that two answers may differ in."""
    for name in (*names, *CHANNELS, "user.none"):
        text = text.replace(name, "…")
    return re.sub(r"'date', '[^']*'|'content-length', '\d+'", "", text, flags=re.IGNORECASE)


@pytest.mark.parametrize(("method", "path"), WAYS)
@pytest.mark.parametrize("user", ["alice", "bob", "nobody"])
async def test_what_is_anothers_looks_like_what_does_not_exist(
    stage: FrontEnd, user: str, method: str, path: str
) -> None:
    is_of_ones_own = user == "bob" and "channel" not in path and path != "/status"
    for channel in [channel for channel in CHANNELS if channel not in OWN[user]]:
        answers = []
        for place in (channel, "user.none"):
            names = {"channel": place, "id": job_in(place), "download": download_in(place)}
            status, text = await ask(stage, user, method, path.format(**names))
            assert status in (401, 403, 404) or is_of_ones_own, (channel, status, text)
            assert secrets_in(text) <= OWN[user], text
            answers.append((status, blurred(text, *names.values())))
        assert answers[0] == answers[1]


def test_no_route_is_forgotten_here() -> None:
    def pattern(path: str) -> str:
        return re.sub(r"{\w+}|pause", "{}", path.partition("?")[0])

    described = {(method.upper(), pattern(path)) for path, each in app.openapi()["paths"].items() for method in each}
    assert described - {(method, pattern(path)) for method, path in WAYS} == ELSEWHERE


@pytest.mark.parametrize("user", ["alice", "bob"])
async def test_an_item_for_anothers_channel_is_refused_alone(stage: FrontEnd, user: str) -> None:
    (own,) = OWN[user]
    items = [{"channel": channel, "event": {"type": "note"}} for channel in (*CHANNELS, "user.none")]
    status, text = await ask(stage, user, "POST", "/publish", {"items": items})
    results = cast(list[dict[str, str]], body_of(text)["results"])
    assert status == 200
    for item, result in zip(items, results, strict=True):
        assert result.get("error") == (None if item["channel"] == own else "not_allowed")


@pytest.mark.parametrize("user", ["alice", "bob", "admin", "nobody"])
async def test_counts_are_those_of_ones_own(stage: FrontEnd, user: str) -> None:
    async with watching(stage, "alice", f"?channel={ALICE}"), watching(stage, "bob", f"?channel={BOB}"):
        if user != "nobody":

            async def is_listed() -> bool:
                text = (await ask(stage, user, "GET", "/channels"))[1]
                listed = {channel for channel in (ALICE, BOB) if channel in text}
                assert listed <= OWN[user]
                return listed == OWN[user] - {"downloads"}

            await eventually(is_listed, "the channels with clients")
        assert body_of((await ask(stage, user, "GET", "/ready"))[1]) == {"status": "ready"}
        assert (await ask(stage, user, "GET", "/metrics"))[0] == 404


@pytest.mark.parametrize("query", ["", "&since=1-1", f"&download_id={job_in(BOB)}", "&interval_ms=100"])
@pytest.mark.parametrize("user", ["alice", "bob"])
async def test_live_and_in_the_snapshot_one_hears_ones_own_alone(stage: FrontEnd, user: str, query: str) -> None:
    (own,) = OWN[user]
    for channel in [channel for channel in CHANNELS if channel != own]:
        with pytest.raises(InvalidStatus) as caught:
            await connect(stage, TOKENS[user], f"?channel={own}&channel={channel}")
        assert caught.value.response.status_code == 403
    async with watching(stage, user, f"?channel={own}{query}") as connection:
        for channel in [*CHANNELS, "user.none"]:
            if channel != own:
                answers = [await tell(connection, {"action": "subscribe", "channel": channel})]
                for job_id in (job_in(channel), job_in("user.none")):
                    for action in ("cancel_job", "remove_job"):
                        answers.append(await tell(connection, {"action": action, "job_id": job_id, "channel": channel}))
                for action in ("pause_download", "delete_download", "get_download"):
                    for download_id in (download_in(channel), download_in("user.none")):
                        target = {"download_id": download_id, "channel": channel}
                        answers.append(await tell(connection, {"action": action, **target}))
                answers.append(await tell(connection, {"action": "list_downloads", "channel": channel}))
                answers.append(await tell(connection, {"action": "clear_finished", "channel": channel}))
                url = "https://example.com/"
                answers.append(await tell(connection, {"action": "add_download", "channel": channel, "url": url}))
                answers.append(await tell(connection, {"action": "publish", "channel": channel, "event": {"n": 1}}))
                assert {answer["reason"] for answer in answers} == {"not_allowed"}
                assert not any(secrets_in(json.dumps(answer)) for answer in answers)
        async with aclosing(Broker.connect(stage.redis_url)) as broker:
            for channel in CHANNELS:
                await publish(broker, channel)
            if "download_id" not in query:
                await publish(broker, own, "last")
                texts = await collect(connection, '"last"')
                assert secrets_in("".join(texts)) == {own}
    for channel in CHANNELS:
        assert await state_of(stage, job_in(channel), channel) == "queued"
