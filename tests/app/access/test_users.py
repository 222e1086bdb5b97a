"""Users whose tokens name a channel each: over no way in does one learn of another's, not even that it exists."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import cast

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from app.main import app
from simulcast.broker import Broker
from simulcast.model import own_job
from simulcast.own_jobs import OwnJobs
from tests.app.access.connections import connect
from tests.conditions import eventually
from tests.programs import one_front_end
from tests.service import FrontEnd, collect
from tests.signed_tokens import SECRET, token

RIGHTS = "watch command publish files"
ALICE, BOB = "user.alice", "user.bob"
TOKENS = {
    "alice": token(RIGHTS, sub="alice", channels=[ALICE]),
    "bob": token(RIGHTS, sub="bob", channels=[BOB]),
    "admin": token("admin", sub="root"),
    "nobody": "",
}
OWN = {"alice": {ALICE}, "bob": {BOB}, "admin": {ALICE, BOB, "downloads"}, "nobody": set[str]()}
CHANNELS = (ALICE, BOB, "downloads")
EXISTING, MISSING = "job-1", "job-0"
# Each path with and without something behind it: {channel}, {id} of a job, {download} of a download.
GET = (
    "/channels/{channel}/state",
    "/channels/{channel}/history?since=1-1",
    "/jobs?channel={channel}",
    "/jobs/{id}?channel={channel}",
    "/jobs/{id}?channel=downloads&channel={channel}",
    "/jobs/{id}",
    "/downloads/{download}",
    "/downloads/{download}?channel={channel}",
    "/downloads/{download}/file?channel={channel}",
    "/downloads?channel={channel}",
    "/downloads",
    "/status",
    "/events?channel={channel}",
    "/events?channel={channel}&download_id={id}",
    "/events?channel={channel}&since=1-1",
)
POST = (
    "/jobs/{id}/cancel?channel={channel}",
    "/jobs/{id}/cancel?channel=downloads&channel={channel}",
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
    ("PATCH", "/downloads/{download}"),
]
# Two tell nothing, and two give each channel an answer of its own, in tests below.
ELSEWHERE = {("GET", "/health"), ("GET", "/ready"), ("GET", "/channels"), ("POST", "/publish")}


@dataclass(frozen=True, slots=True)
class Stage:
    """`download_id`: of a download in the channel `downloads`."""

    front_end: FrontEnd
    download_id: str


def secret_of(channel: str) -> str:
    """Return a text that stands in everything of a channel."""
    return f"secret-of-{channel}"


def secrets_in(text: str) -> set[str]:
    return {channel for channel in CHANNELS if secret_of(channel) in text}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with one_front_end(tmp_path_factory.mktemp("users"), SIMULCAST_TOKEN_SECRET=SECRET) as front_end:
        yield Stage(front_end, asyncio.run(fill(front_end)))


async def fill(front_end: FrontEnd) -> str:
    """Put a job and an event into each channel, and a download into that of the downloads. Return its id."""
    async with aclosing(Broker.connect(front_end.redis_url)) as broker:
        for channel in CHANNELS:
            async with aclosing(OwnJobs.connect(front_end.redis_url, broker, channel)) as jobs:
                await jobs.queue(EXISTING, own_job.about(EXISTING, "work", secret_of(channel)))
            await publish(broker, channel)
    body = {"url": f"https://example.com/{secret_of('downloads')}"}
    status, text = await ask(front_end, "admin", "POST", "/downloads", body)
    assert status == 201, text
    return str(body_of(text)["download_id"])


async def publish(broker: Broker, channel: str, word: str = "") -> None:
    await broker.publish({"type": "note", "text": secret_of(channel), "word": word}, channel, key="note")


async def ask(front_end: FrontEnd, user: str, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Return the status and the whole answer, headers too; of an event stream, its beginning."""
    headers = {"authorization": f"Bearer {TOKENS[user]}"} if TOKENS[user] else {}
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{front_end.port}") as session,
        session.request(method, path, headers=headers, json={} if method == "POST" and body is None else body) as found,
    ):
        if found.content_type != "text/event-stream":
            return found.status, f"{sorted(found.headers.items())}\n{await found.text()}"
        text = ""
        async with asyncio.timeout(60):
            while not re.search(r"event: ?hello", text):
                text += (await found.content.readany()).decode()
        return found.status, text


def body_of(text: str) -> dict[str, object]:
    """Return the body of an answer of `ask`."""
    body: dict[str, object] = json.loads(text.partition("\n")[2])
    return body


def blurred(text: str, *names: str) -> str:
    """Return an answer without what was asked for, and when: all that two answers may differ in."""
    for name in (*names, *CHANNELS, "user.none"):
        text = text.replace(name, "…")
    return re.sub(r"'date', '[^']*'|'content-length', '\d+'", "", text, flags=re.IGNORECASE)


@pytest.mark.parametrize(("method", "path"), WAYS)
@pytest.mark.parametrize("user", ["alice", "bob", "nobody"])
async def test_what_is_anothers_looks_like_what_does_not_exist(stage: Stage, user: str, method: str, path: str) -> None:
    for channel in [channel for channel in CHANNELS if channel not in OWN[user]]:
        answers = []
        for place, job, download in ((channel, EXISTING, stage.download_id), ("user.none", MISSING, "none")):
            names = {"channel": place, "id": job, "download": download}
            status, text = await ask(stage.front_end, user, method, path.format(**names))
            assert status in (401, 403, 404), (channel, status, text)
            assert secrets_in(text) <= OWN[user], text
            answers.append((status, blurred(text, *names.values())))
        assert answers[0] == answers[1]


def test_no_route_is_forgotten_here() -> None:
    def pattern(path: str) -> str:
        return re.sub(r"{\w+}|pause", "{}", path.partition("?")[0])

    described = {(method.upper(), pattern(path)) for path, each in app.openapi()["paths"].items() for method in each}
    assert described - {(method, pattern(path)) for method, path in WAYS} == ELSEWHERE


@pytest.mark.parametrize("user", ["alice", "bob"])
async def test_an_item_for_anothers_channel_is_refused_alone(stage: Stage, user: str) -> None:
    (own,) = OWN[user]
    items = [{"channel": channel, "event": {"type": "note"}} for channel in (*CHANNELS, "user.none")]
    status, text = await ask(stage.front_end, user, "POST", "/publish", {"items": items})
    results = cast(list[dict[str, str]], body_of(text)["results"])
    assert status == 200
    for item, result in zip(items, results, strict=True):
        assert result.get("error") == (None if item["channel"] == own else "not_allowed")


@pytest.mark.parametrize("user", ["alice", "bob", "admin"])
async def test_what_is_ones_own_is_seen(stage: Stage, user: str) -> None:
    for channel in OWN[user]:
        for path in ("/channels/{}/state", "/jobs?channel={}", f"/jobs/{EXISTING}?channel={{}}"):
            status, text = await ask(stage.front_end, user, "GET", path.format(channel))
            assert status == 200 and secrets_in(text) == {channel}, text
        status, text = await ask(stage.front_end, user, "GET", f"/channels/{channel}/history?since=1-1")
        assert status == 200 and secrets_in(text) <= {channel}


@pytest.mark.parametrize("user", ["alice", "bob", "admin", "nobody"])
async def test_counts_are_those_of_ones_own(stage: Stage, user: str) -> None:
    async with watching(stage, "alice", f"?channel={ALICE}"), watching(stage, "bob", f"?channel={BOB}"):
        if user != "nobody":

            async def is_listed() -> bool:
                text = (await ask(stage.front_end, user, "GET", "/channels"))[1]
                listed = {channel for channel in (ALICE, BOB) if channel in text}
                assert listed <= OWN[user]
                return listed == OWN[user] - {"downloads"}

            await eventually(is_listed, "the channels with clients")
        assert body_of((await ask(stage.front_end, user, "GET", "/ready"))[1]) == {"status": "ready"}
        assert (await ask(stage.front_end, user, "GET", "/metrics"))[0] == 404


@asynccontextmanager
async def watching(stage: Stage, user: str, query: str) -> AsyncIterator[ClientConnection]:
    async with await connect(stage.front_end, TOKENS[user], query) as connection:
        yield connection


@pytest.mark.parametrize("query", ["", "&since=1-1", f"&download_id={EXISTING}", "&interval_ms=100"])
@pytest.mark.parametrize("user", ["alice", "bob"])
async def test_live_and_in_the_snapshot_one_hears_ones_own_alone(stage: Stage, user: str, query: str) -> None:
    (own,) = OWN[user]
    for channel in [channel for channel in CHANNELS if channel != own]:
        with pytest.raises(InvalidStatus) as caught:
            await connect(stage.front_end, TOKENS[user], f"?channel={own}&channel={channel}")
        assert caught.value.response.status_code == 403
    async with watching(stage, user, f"?channel={own}{query}") as connection:
        for channel in [*CHANNELS, "user.none"]:
            if channel != own:
                answers = [await tell(connection, {"action": "subscribe", "channel": channel})]
                for job_id in (EXISTING, MISSING):
                    for action in ("cancel_job", "remove_job"):
                        answers.append(await tell(connection, {"action": action, "job_id": job_id, "channel": channel}))
                for action in ("pause_download", "delete_download", "get_download"):
                    answers.append(await tell(connection, {"action": action, "download_id": stage.download_id}))
                answers.append(await tell(connection, {"action": "list_downloads"}))
                answers.append(await tell(connection, {"action": "cancel_job", "job_id": EXISTING}))
                answers.append(await tell(connection, {"action": "publish", "channel": channel, "event": {"n": 1}}))
                assert {answer["reason"] for answer in answers} == {"not_allowed"}
                assert not any(secrets_in(json.dumps(answer)) for answer in answers)
        async with aclosing(Broker.connect(stage.front_end.redis_url)) as broker:
            for channel in CHANNELS:
                await publish(broker, channel)
            if "download_id" not in query:
                await publish(broker, own, "last")
                texts = await collect(connection, '"last"')
                assert secrets_in("".join(texts)) == {own}
    assert await state_of(stage, EXISTING, BOB) == "queued"


async def state_of(stage: Stage, job_id: str, channel: str) -> str:
    status, text = await ask(stage.front_end, "admin", "GET", f"/jobs/{job_id}?channel={channel}")
    assert status == 200, text
    return str(body_of(text)["state"])


async def tell(connection: ClientConnection, command: dict[str, object]) -> dict[str, object]:
    """Send a command, and return its result."""
    await connection.send(json.dumps(command))
    while True:
        answer: dict[str, object] = json.loads(await connection.recv())
        if answer["type"] == "command_result":
            return answer


async def test_commands_reach_jobs_of_ones_own_channel_alone(stage: Stage) -> None:
    async with aclosing(Broker.connect(stage.front_end.redis_url)) as broker:
        for channel in (ALICE, BOB):
            async with aclosing(OwnJobs.connect(stage.front_end.redis_url, broker, channel)) as jobs:
                for job_id in ("by-rest", "by-socket"):
                    await jobs.queue(job_id, own_job.about(job_id, "work", "a job"))
    asked = await ask(stage.front_end, "alice", "POST", f"/jobs/by-rest/cancel?channel={ALICE}")
    assert asked[0] == 200, asked
    async with watching(stage, "alice", f"?channel={ALICE}") as connection:
        answer = await tell(connection, {"action": "cancel_job", "job_id": "by-socket", "channel": ALICE})
        assert (answer["status"], answer["channel"]) == ("accepted", ALICE)
    for job_id in ("by-rest", "by-socket"):
        assert await state_of(stage, job_id, ALICE) == "cancelled"
        assert await state_of(stage, job_id, BOB) == "queued"
    assert (await ask(stage.front_end, "alice", "DELETE", f"/jobs/by-rest?channel={ALICE}"))[0] == 200
