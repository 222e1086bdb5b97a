"""All that clients may send to add, list and publish over a WebSocket is answered, in bounds, as by REST."""

import itertools
import json
import secrets
from types import SimpleNamespace
from typing import cast

import pytest
import websockets

from simulcast.broker import Broker
from simulcast.frontend.grant import FULL_ACCESS, Grant
from simulcast.frontend.requests import MAX_LIST_BYTES, answer
from simulcast.frontend.services import Services
from simulcast.frontend.transport.websocket import WebSocketConnection
from simulcast.jobs import Jobs
from simulcast.model.command_parser import parse
from simulcast.model.commands import REQUEST_ACTIONS, InvalidCommand, Request
from simulcast.model.download_url import WEB
from simulcast.model.own_job import about
from simulcast.own_jobs import OwnJobs
from tests.conditions import until
from tests.hostile.unread import MAX_HELD_BYTES, VERSIONED, held_bytes, join, publish_note, read_until, running
from tests.json_requests import send_json
from tests.served import masked
from tests.service import FrontEnd, collect
from tests.valkey import Valkey

URL = "https://example.com/a.iso"
ODD = [
    *("null", "true", "0", "-1", "1.5", "1e400", "9" * 400, '""', '"x"', '"../../etc"', '"\\u0000"', '"\\u2028"'),
    *('"' + "x" * 5000 + '"', "[]", "{}", '{"a":1}', "[" * 150 + "]" * 150, '["a"]', '"downloads"', '"1"', "1"),
]
MEMBERS = {
    "add_download": [
        *("url", "download_id", "priority", "again", "name", "checksum", "limit_bytes_per_s", "headers", "bearer"),
        *("basic", "proxy", "start_at", "folder", "unknown", "__proto__"),
    ],
    "get_download": ["download_id"],
    "list_downloads": ["state", "sort", "order", "owner", "search", "cursor", "offset", "limit", "unknown"],
    "publish": ["event", "channel", "key", "idempotency_key", "ttl_s", "ends", "unknown"],
}


class Asked:
    """The services of a front-end, as far as requests use them, and a client's grant."""

    grant = FULL_ACCESS

    def __init__(self, jobs: Jobs, broker: Broker, channel: str) -> None:
        services = SimpleNamespace(jobs_in=lambda _: jobs, broker=broker, channel=channel, schemes=WEB, files_dir=None)
        self._services = cast(Services, services)

    async def text(self, request: str) -> str:
        found = parse(request)
        assert isinstance(found, Request), found
        return await answer(found, self._services, self.grant)

    async def ask(self, action: str, **members: object) -> dict[str, object]:
        text = await self.text(json.dumps({"action": action, "command_id": "c-1"} | members))
        found: dict[str, object] = json.loads(text)
        assert found["command_id"] == "c-1"
        return found


@pytest.fixture
def asked(own_jobs: Jobs, own_broker: Broker) -> Asked:
    return Asked(own_jobs, own_broker, "downloads")


@pytest.mark.parametrize("action", REQUEST_ACTIONS)
async def test_odd_values_in_every_member_are_answered_in_few_words(action: str, asked: Asked) -> None:
    valid = {"add_download": f'"url":"{URL}"', "publish": '"event":{"n":1}'}.get(action, '"x":1')
    for member, value, keeps_valid in itertools.product(MEMBERS[action], ODD, (True, False)):
        others = f"{valid}," if keeps_valid and not valid.startswith(f'"{member}":') else ""
        found = json.loads(
            await asked.text(f'{{"action":"{action}","command_id":"c-1",{others}"{member}":{value}}}'),
            parse_constant=pytest.fail,
        )
        assert (found["type"], found["action"], found["command_id"]) == ("command_result", action, "c-1")
        if found["status"] == "rejected":
            assert found["reason"] != "unavailable"
            assert 0 < len(found["message"]) < 600, found
        else:
            assert found["status"] == "accepted"


async def test_no_secret_of_a_refused_request_is_shown(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    members = {
        "bearer": "hunter2\n",
        "headers": {"Cookie": "hunter2\n"},
        "basic": {"user": "a:b", "password": "hunter2"},
        "proxy": "hunter2://a:hunter2@b",
        "url": "gopher://ada:hunter2@example.com",
    }
    for name, value in members.items():
        found = await asked.ask("add_download", **({"url": URL} | {name: value}))
        assert found["reason"] == "invalid_member" and "hunter2" not in str(found)
    found = await asked.ask("add_download", url="https://ada:hunter2@example.com/a", bearer="hunter2")
    assert found["status"] == "accepted" and "hunter2" not in str(found)
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "download_id", ["", ".", "..", "-x", ".hidden", "a/b", "a\\b", "a b", "ä", "x" * 101, "a\n", "a}", "\u202ea", 5]
)
async def test_an_id_that_could_be_a_path_or_unreadable_is_refused(download_id: object, asked: Asked) -> None:
    found = await asked.ask("add_download", url=URL, download_id=download_id)
    assert found["reason"] == "invalid_member" and "download_id" in str(found["message"])


async def test_a_repetition_with_an_id_answers_what_exists_and_takes_no_other_jobs_id(
    asked: Asked, own_valkey: Valkey, own_broker: Broker, own_jobs: Jobs
) -> None:
    own = OwnJobs.connect(own_valkey.url, own_broker)
    other = Jobs.connect(own_valkey.url, own_broker, "other")
    try:
        await own.queue("render-7", about("render-7", "render", "Holiday.mp4"))
        await other.submit("https://example.org/other", "theirs")
        assert (await asked.ask("add_download", url=URL, download_id="render-7"))["reason"] == "conflict"
        assert (await asked.ask("get_download", download_id="render-7"))["reason"] == "unknown_download"
        assert (await asked.ask("get_download", download_id="theirs"))["reason"] == "unknown_download"
        first = await asked.ask("add_download", url=URL, download_id="theirs", again=True, bearer="secret")
        record = cast(dict[str, object], first["download"])
        assert first["download_id"] == record["download_id"] == "theirs" and not record["existing"]
        assert (await other.get("theirs")).url == "https://example.org/other"
        again = await asked.ask("add_download", url=URL, download_id="theirs", again=True, bearer="secret")
        assert again["download"] == record | {"existing": True}
        for changed in ({"url": f"{URL}?"}, {"bearer": "other"}, {"name": "b.iso"}):
            members = {"url": URL, "download_id": "theirs", "again": True, "bearer": "secret"} | changed
            assert (await asked.ask("add_download", **members))["reason"] == "conflict"
        assert (await asked.ask("list_downloads"))["total"] == 1
    finally:
        await own.aclose()
        await other.aclose()


async def test_who_lacks_the_scope_or_the_channel_is_refused_and_nothing_happens(asked: Asked) -> None:
    needs = {"add_download": "command", "get_download": "watch", "list_downloads": "watch", "publish": "publish"}
    members: dict[str, dict[str, object]] = {
        "add_download": {"url": URL, "download_id": "1"},
        "get_download": {"download_id": "1"},
        "list_downloads": {},
        "publish": {"event": {"n": 1}, "channel": "downloads"},
    }
    scopes = {"watch", "command", "publish", "files"}
    for action, scope in needs.items():
        for grant in (Grant(scopes - {scope}), Grant(scopes, ["others-*"])):
            asked.grant = grant
            found = await asked.ask(action, **members[action])
            assert (found["status"], found["reason"]) == ("rejected", "not_allowed"), (action, grant)
            assert set(found) == {"type", "action", "status", "command_id", "reason", "message"}
    asked.grant = Grant({"watch"})
    assert (await asked.ask("list_downloads"))["total"] == 0


async def test_a_long_list_comes_in_pages_of_bounded_size_and_none_is_left_out(asked: Asked, own_jobs: Jobs) -> None:
    ids = {(await own_jobs.submit(f"https://example.com/{'ä' * 1000}{n}", f"d{n:03}")).download_id for n in range(90)}
    found: list[str] = []
    while len(found) < len(ids):
        text = await asked.text(f'{{"action":"list_downloads","sort":"name","offset":{len(found)},"limit":500}}')
        assert len(text.encode()) <= MAX_LIST_BYTES + 200
        page = json.loads(text)
        assert page["total"] == len(ids) and page["downloads"]
        found += [record["download_id"] for record in page["downloads"]]
    assert sorted(found) == sorted(ids)
    assert (await asked.ask("list_downloads", offset=len(ids)))["downloads"] == []


def test_texts_that_are_too_large_are_answered_without_being_read() -> None:
    for text, limit in (("x" * 5000, "4,096"), ('"add_download"' + "x" * 16384, "16,384")):
        found = parse(text)
        assert isinstance(found, InvalidCommand) and found.code == "too_large" and limit in found.message


async def test_a_request_gets_over_the_socket_what_it_gets_by_rest(shared_front_end: FrontEnd) -> None:
    async with websockets.connect(shared_front_end.ws, proxy=None) as client:

        async def ask(action: str, **members: object) -> dict[str, object]:
            command_id = secrets.token_hex(4)
            await client.send(json.dumps({"action": action, "command_id": command_id} | members))
            texts = await collect(client, f'"command_id":"{command_id}"')
            found: dict[str, object] = json.loads(texts[-1])
            return found

        body = {"url": URL, "download_id": "both-ways", "again": True, "priority": 3}
        added = await ask("add_download", **body)
        repeated = await send_json(shared_front_end, "POST", "/downloads", body)
        assert repeated.status == 200 and repeated.location == "/downloads/both-ways"
        assert repeated.body == cast(dict[str, object], added["download"]) | {"existing": True}
        one = await send_json(shared_front_end, "GET", "/downloads/both-ways")
        assert one.body == (await ask("get_download", download_id="both-ways"))["download"]
        page = await send_json(shared_front_end, "GET", "/downloads?state=queued&sort=name&order=asc&limit=5")
        listed = await ask("list_downloads", state="queued", sort="name", order="asc", limit=5)
        names = ("downloads", "total", "next_cursor", "is_complete")
        assert page.body == {name: listed[name] for name in names}
        mistakes: list[dict[str, object]] = [
            {"url": "nonsense"},
            {"url": URL, "x": 1},
            {"url": URL, "priority": 10},
            {},
            {"url": 5},
        ]
        for wrong in mistakes:
            refused = await send_json(shared_front_end, "POST", "/downloads", wrong)
            assert refused.status == 422
            assert refused.body["detail"] == (await ask("add_download", **wrong))["message"]
        conflict = await send_json(shared_front_end, "POST", "/downloads", body | {"url": f"{URL}?b"})
        assert conflict.status == 409
        assert conflict.body["detail"] == (await ask("add_download", **(body | {"url": f"{URL}?b"})))["message"]
        published = await ask("publish", event={"type": "mine", "n": 1.0}, key="k", idempotency_key="once")
        again = await ask("publish", event={"type": "mine", "n": 1.0}, key="k", idempotency_key="once")
        assert published["published"] == again["published"]
        batch: list[dict[str, object]] = [
            {"event": [1]},
            {"event": {}, "channel": "a b"},
            {"event": {"n": 1}, "ttl_s": 0},
        ]
        results = (await send_json(shared_front_end, "POST", "/publish", {"items": batch})).body["results"]
        for item, result in zip(batch, results, strict=True):
            told = await ask("publish", **item)
            assert (told["reason"], told["message"]) == (result["error"], result["detail"])


async def test_a_subscription_too_many_is_refused_by_its_id_and_the_connection_goes_on(
    shared_front_end: FrontEnd,
) -> None:
    query = "&".join(f"channel=s{number}" for number in range(50))
    async with await shared_front_end.connect(f"?{query}") as client:

        async def ask(action: str, channel: str) -> dict[str, object]:
            await client.send(json.dumps({"action": action, "channel": channel, "command_id": channel}))
            found: dict[str, object] = json.loads((await collect(client, f'"command_id":"{channel}"'))[-1])
            return found

        refused = await ask("subscribe", "one-more")
        assert (refused["status"], refused["reason"]) == ("rejected", "too_many_channels")
        left = await ask("unsubscribe", "s7")
        assert left["channels"] == sorted(f"s{number}" for number in range(50) if number != 7)
        followed = await ask("subscribe", "one-more")
        assert followed["status"] == "accepted" and "one-more" in str(followed["channels"])


async def test_lists_that_nobody_reads_hold_one_slice(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(valkey, channel) as (live, port, _):
        for number in range(60):
            await live.services.jobs.submit(f"https://example.com/{'x' * 2000}{number}", f"d{number}")
        connection = join(port, f"/ws?channel={channel}", VERSIONED)
        await until(lambda: len(live.services.connected) == 1, "the client")
        (client,) = live.services.connected
        await until(lambda: client._stalled_since is not None, "its full socket")
        was_full = list[bool]()
        write = WebSocketConnection.write

        def watched_write(connection: WebSocketConnection, frames: bytes) -> None:
            was_full.append(not connection.has_room)
            write(connection, frames)

        monkeypatch.setattr(WebSocketConnection, "write", watched_write)
        for _ in range(30):
            connection.sendall(masked('{"action":"list_downloads","limit":500}'))
        for number in range(100, 140):
            await publish_note(live.services.broker, channel, number)
            assert held_bytes(client) <= MAX_HELD_BYTES
        await live.publish({"type": "the end"})
        received = await read_until(connection, b"the end")
        answers = received.count(b'"action":"list_downloads"')
        assert held_bytes(client) <= MAX_HELD_BYTES
        while answers < 30:
            answers += (await read_until(connection, b'"total":')).count(b'"action":"list_downloads"')
        assert len(was_full) > 30 and not any(was_full)
        connection.close()
