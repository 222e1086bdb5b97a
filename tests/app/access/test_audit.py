"""The log's lines about clients: who commanded what, with which outcome, and where asked for, each request."""

import json
from collections.abc import Iterator

import aiohttp
import pytest
from websockets.exceptions import InvalidStatus

from tests.app.access.connections import connect
from tests.conditions import until
from tests.json_requests import send_json
from tests.programs import StartFrontEnd, one_front_end
from tests.service import FrontEnd, collect
from tests.signed_tokens import SECRET, token

ALICE = token("watch command admin", sub="alice")
WATCHER = token("watch", sub="walter")
QUEUED = {"url": "http://example.invalid/a?key=hidden"}


@pytest.fixture(
    scope="module", params=[pytest.param(True, id="raw"), pytest.param(False, id="messages", marks=pytest.mark.long)]
)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    settings = {"SIMULCAST_TOKEN_SECRET": SECRET, "SIMULCAST_LOG_FORMAT": "json", "SIMULCAST_ACCESS_LOG": "true"}
    with one_front_end(tmp_path_factory.mktemp("audit"), raw=request.param, **settings) as program:
        yield program


def lines(running: FrontEnd, logger: str) -> list[dict[str, object]]:
    texts = [text for text in running.output().splitlines() if text.startswith("{")]
    return [line for line in map(json.loads, texts) if line["logger"] == logger]


async def said(running: FrontEnd, logger: str, **members: object) -> dict[str, object]:
    """Return the line with these members, once it is written."""

    def found() -> list[dict[str, object]]:
        return [line for line in lines(running, logger) if members.items() <= line.items()]

    await until(lambda: bool(found()), f"a line of {logger} with {members}")
    return found()[-1]


async def test_each_command_by_rest_is_logged_with_its_user_and_outcome(running: FrontEnd) -> None:
    added = await send_json(running, "POST", "/downloads", QUEUED, token=ALICE)
    path = f"/downloads/{added.body['download_id']}"
    of = {"id": added.body["download_id"], "user": "alice", "address": ""}
    await said(running, "simulcast.audit", command="add_download", outcome="accepted", **of)
    await send_json(running, "POST", f"{path}/pause", token=ALICE, body={})
    await said(running, "simulcast.audit", command="pause_download", outcome="accepted", **of)
    await send_json(running, "POST", f"{path}/retry", token=ALICE, body={})
    line = await said(running, "simulcast.audit", command="retry_download", **of)
    assert str(line["outcome"]).startswith("rejected: can't retry download")
    await send_json(running, "DELETE", f"{path}?file=true", token=WATCHER)
    line = await said(running, "simulcast.audit", command="delete_download", **of | {"user": "walter"})
    assert str(line["outcome"]).startswith("rejected: the token doesn't have the scope command")
    await send_json(running, "DELETE", path)
    line = await said(running, "simulcast.audit", command="delete_download", **of | {"user": ""})
    assert str(line["outcome"]).startswith("rejected: a token is wanted here")
    await send_json(running, "DELETE", "/jobs/a%0Ab", token=ALICE)
    await said(running, "simulcast.audit", command="remove_job", id="a\nb", user="alice")
    await send_json(running, "POST", "/revocations", {"user": "bob"}, token=token("admin", sub="root"))
    await said(running, "simulcast.audit", command="revoke", user="root", outcome="accepted")


async def test_each_command_over_a_websocket_is_logged_with_its_user_and_outcome(running: FrontEnd) -> None:
    async with await connect(running, ALICE) as client:
        for message in ({"action": "add_download", **QUEUED}, {"action": "list_downloads"}, {"action": "pause"}):
            await client.send(json.dumps(message))
        await client.send('{"action":"cancel_job","job_id":"none"}')
        await collect(client, '"cancel_job"')
    await said(running, "simulcast.audit", command="add_download", outcome="accepted", user="alice")
    line = await said(running, "simulcast.audit", command="cancel_job", id="none", user="alice", address="")
    assert line["outcome"] == "rejected: unknown_job"
    commands = {line["command"] for line in lines(running, "simulcast.audit")}
    assert not commands & {"list_downloads", "pause"}


async def test_each_request_and_connection_is_logged_without_its_query_where_that_is_asked_for(
    running: FrontEnd,
) -> None:
    await send_json(running, "GET", "/downloads?state=queued", token=WATCHER)
    line = await said(running, "simulcast.access", method="GET", path="/downloads", status=200, user="walter")
    assert isinstance(line["bytes"], int) and line["bytes"] > 10 and line["address"] == "127.0.0.1"
    await send_json(running, "GET", "/nothing?key=hidden")
    await said(running, "simulcast.access", method="GET", path="/nothing", status=404, user="")
    async with await connect(running, WATCHER, "?channel=downloads&key=hidden"):
        pass
    line = await said(running, "simulcast.access", channels=["downloads"], user="walter")
    assert isinstance(line["seconds"], float)
    with pytest.raises(InvalidStatus):
        await connect(running, token("publish"))
    await said(running, "simulcast.access", path="/ws", status=403, address="")
    headers = {"authorization": f"Bearer {WATCHER}"}
    async with aiohttp.request("GET", f"http://127.0.0.1:{running.port}/events", headers=headers) as stream:
        assert stream.status == 200
    await said(running, "simulcast.access", path="/events", status=200, user="walter")
    ours = [line for line in running.output().splitlines() if line.startswith("{")]  # uvicorn's own have queries
    assert len(ours) > 5 and "hidden" not in "".join(ours)


async def test_requests_are_not_logged_unless_that_is_asked_for_and_lines_are_text(front_end: StartFrontEnd) -> None:
    running = await front_end()
    async with await running.connect() as client:
        await client.send('{"action":"cancel_job","job_id":"none"}')
        await collect(client, '"cancel_job"')
    await until(lambda: "cancel_job none by this machine: rejected: unknown_job" in running.output(), "the line")
    assert "simulcast.access" not in running.output()
