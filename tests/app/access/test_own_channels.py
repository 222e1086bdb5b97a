"""A user with a channel alone does there all that the token allows, and need not name it."""

import json
from contextlib import aclosing
from typing import cast

import aiohttp
import pytest

from simulcast.broker import Broker
from simulcast.model import own_job
from simulcast.own_jobs import OwnJobs
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
    secret_of,
    secrets_in,
    state_of,
    tell,
    watching,
)
from tests.service import FrontEnd, collect
from tests.signed_tokens import token


@pytest.mark.parametrize("user", ["alice", "bob", "admin"])
async def test_what_is_ones_own_is_seen(stage: FrontEnd, user: str) -> None:
    for channel in OWN[user]:
        for path in (
            *(f"/channels/{channel}/state", f"/jobs?channel={channel}", f"/jobs/{job_in(channel)}?channel={channel}"),
            *(f"/downloads?channel={channel}", f"/downloads/{download_in(channel)}?channel={channel}"),
        ):
            status, text = await ask(stage, user, "GET", path)
            assert status == 200 and secrets_in(text) == {channel}, text
        status, text = await ask(stage, user, "GET", f"/channels/{channel}/history?since=1-1")
        assert status == 200 and secrets_in(text) <= {channel}


async def test_a_user_with_an_own_channel_need_not_name_it(stage: FrontEnd) -> None:
    paths = ("/downloads", f"/downloads/{download_in(BOB)}", "/jobs", f"/jobs/{job_in(BOB)}", "/events")
    for path in paths:
        status, text = await ask(stage, "bob", "GET", path)
        assert status == 200 and secrets_in(text) <= {BOB}, text
        assert path == "/events" or secrets_in(text) == {BOB}
    status, text = await ask(stage, "bob", "POST", "/publish", {"items": [{"event": {"type": "note", "n": 1}}]})
    assert "event_id" in cast(list[dict[str, str]], body_of(text)["results"])[0]
    limit = f"/downloads/{download_in(BOB)}/limit"
    assert (await ask(stage, "bob", "POST", limit, {"bytes_per_s": 7}))[0] == 200
    async with watching(stage, "bob", "") as connection:
        answers = [
            await tell(connection, {"action": "get_download", "download_id": download_in(BOB)}),
            await tell(connection, {"action": "list_downloads"}),
        ]
        assert [secrets_in(json.dumps(answer)) for answer in answers] == [{BOB}, {BOB}]
        assert cast(dict[str, object], answers[0]["download"])["limit_bytes_per_s"] == 7
        pause: dict[str, object] = {"action": "pause_download", "download_id": download_in(ALICE)}
        assert (await tell(connection, pause))["reason"] == "unknown_download"
        assert (await tell(connection, pause | {"channel": ALICE}))["reason"] == "not_allowed"
        assert (await tell(connection, {"action": "cancel_job", "job_id": job_in(ALICE)}))["reason"] == "unknown_job"


async def test_an_id_that_another_has_is_free(stage: FrontEnd) -> None:
    ids = set()
    for user, channel in (("alice", ALICE), ("bob", BOB), ("admin", "downloads")):
        body = {"url": f"https://example.com/{secret_of(channel)}/same", "download_id": "same"}
        status, text = await ask(stage, user, "POST", f"/downloads?channel={channel}", body)
        assert status == 201 and secrets_in(text) == {channel}, text
        ids.add(body_of(text)["download_id"])
    assert ids == {"same"}
    assert (await ask(stage, "alice", "DELETE", f"/downloads/same?channel={ALICE}"))[0] == 200
    assert (await ask(stage, "bob", "GET", "/downloads/same"))[0] == 200


async def test_an_administrator_watches_all_over_one_connection(stage: FrontEnd) -> None:
    query = "&".join(f"channel={channel}" for channel in CHANNELS)
    async with watching(stage, "admin", f"?{query}") as connection:
        async with aclosing(Broker.connect(stage.redis_url)) as broker:
            for channel in CHANNELS:
                await publish(broker, channel, f"to-{channel}")
        texts = [text for channel in CHANNELS for text in await collect(connection, f"to-{channel}")]
    assert secrets_in("".join(texts)) == set(CHANNELS)


async def test_totals_of_all_channels_are_for_those_who_may_watch_all(stage: FrontEnd) -> None:
    for rights, status in (({"channels": ["*"]}, 200), ({"channels": ["user.*", "downloads"]}, 403), ({}, 403)):
        headers = {"authorization": f"Bearer {token('watch', **rights)}"}
        async with aiohttp.request("GET", f"http://127.0.0.1:{stage.port}/status", headers=headers) as answer:
            assert answer.status == status, rights


async def test_a_user_names_no_other_owner_and_programs_do(stage: FrontEnd) -> None:
    named = {"owner": "carol", "url": "https://example.com/owner"}
    watcher = token("watch command", sub="dave")
    headers = {"authorization": f"Bearer {watcher}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{stage.port}", headers=headers) as session:
        async with session.post("/downloads", json=named) as answer:
            assert answer.status == 403 and "another owner" in await answer.text()
        async with session.post("/downloads", json=named | {"owner": "dave"}) as answer:
            assert answer.status == 201 and (await answer.json())["owner"] == "dave"
        async with session.ws_connect("/ws") as connection:
            await connection.send_json({"action": "add_download", "url": "https://example.com/2", "owner": "carol"})
            while "reason" not in (told := await connection.receive_json()):
                assert told.get("owner", "dave") == "dave"
            assert told["reason"] == "not_allowed"
    status, text = await ask(stage, "admin", "POST", f"/downloads?channel={ALICE}", named)
    assert status == 201 and body_of(text)["owner"] == "carol"


async def test_commands_reach_jobs_of_ones_own_channel_alone(stage: FrontEnd) -> None:
    async with aclosing(Broker.connect(stage.redis_url)) as broker:
        for channel in (ALICE, BOB):
            async with aclosing(OwnJobs.connect(stage.redis_url, broker, channel)) as jobs:
                for job_id in ("by-rest", "by-socket"):
                    await jobs.queue(job_id, own_job.about(job_id, "work", "a job"))
    asked = await ask(stage, "alice", "POST", f"/jobs/by-rest/cancel?channel={ALICE}")
    assert asked[0] == 200, asked
    async with watching(stage, "alice", f"?channel={ALICE}") as connection:
        answer = await tell(connection, {"action": "cancel_job", "job_id": "by-socket", "channel": ALICE})
        assert (answer["status"], answer["channel"]) == ("accepted", ALICE)
    for job_id in ("by-rest", "by-socket"):
        assert await state_of(stage, job_id, ALICE) == "cancelled"
        assert await state_of(stage, job_id, BOB) == "queued"
    assert (await ask(stage, "alice", "DELETE", f"/jobs/by-rest?channel={ALICE}"))[0] == 200


async def test_a_token_in_the_first_message_leads_to_its_users_channel(stage: FrontEnd) -> None:
    async with await connect(stage) as connection, aclosing(Broker.connect(stage.redis_url)) as broker:
        await connection.send(json.dumps({"action": "authenticate", "token": TOKENS["bob"]}))
        assert secrets_in(json.dumps(await tell(connection, {"action": "list_downloads"}))) == {BOB}
        for channel in (*CHANNELS, BOB):
            await publish(broker, channel, f"first-{channel}")
        assert secrets_in("".join(await collect(connection, f"first-{BOB}"))) == {BOB}
