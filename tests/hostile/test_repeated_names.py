"""Parameters, headers and members of JSON that stand there twice: a proxy in front might judge by the other one."""

import json

import pytest

from simulcast.frontend.authorization import parse_token
from simulcast.frontend.subscriptions.options import parse
from simulcast.model.command_parser import parse as parse_command
from simulcast.model.commands import InvalidCommand
from tests.hostile.unharmed import send_raw
from tests.json_requests import send_json
from tests.service import FrontEnd

HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
BODY = '{"url":"https://example.com/a"}'


async def status_of(running: FrontEnd, line: str, headers: str = "", body: str = "") -> tuple[int, str]:
    """Return the status and the answer to a request that is sent to the letter. `headers`: whole lines."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    closing = "" if "Connection:" in headers else "Connection: close\r\n"
    head = f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n{headers}{length}{closing}\r\n"
    answer = (await send_raw(running, (head + body).encode())).decode(errors="replace")
    return int(answer.split(" ")[1]), answer


async def test_no_route_takes_one_of_two_values_of_a_parameter(shared_front_end: FrontEnd) -> None:
    """Each route of the description is asked, with two channels, and what else it takes."""
    description = (await send_json(shared_front_end, "GET", "/openapi.json")).body
    asked = 0
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            if path in ("/events", "/health", "/ready", "/ws"):
                continue
            names = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "query"}
            headers = "Content-Type: application/json\r\n" if method == "post" else ""
            for name in names or {"channel"}:
                place = path.replace("{", "").replace("}", "").replace("/action", "/pause")
                line = f"{method.upper()} {place}?{name}=1&{name}=2"
                status, answer = await status_of(shared_front_end, line, headers, BODY if method == "post" else "")
                if name == "link":
                    assert status == 400 and "one link" in answer
                else:
                    assert (status, f"{name}: give it once" in answer) == (422, True), (line, answer)
                asked += 1
    assert asked > 40


@pytest.mark.parametrize("name", ["since", "download_id", "interval_ms"])
async def test_no_stream_takes_one_of_two_values_of_a_parameter(name: str, shared_front_end: FrontEnd) -> None:
    for path, headers in (("/ws", HANDSHAKE), ("/events", "")):
        status, answer = await status_of(shared_front_end, f"GET {path}?{name}=1-1&{name}=1-2", headers)
        assert (status, f"{name}: give it once" in answer) == (400, True)


def test_several_channels_of_a_stream_and_unknown_parameters_may_be_named_again() -> None:
    query = [("channel", "a"), ("channel", "b"), ("channel", "a"), ("lastEventId", "1-1"), ("lastEventId", "1-2")]
    assert parse(query).channels == ("a", "b")


@pytest.mark.parametrize(
    "lines",
    [
        "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        "Origin: http://localhost\r\nOrigin: http://evil.example\r\n",
        "Idempotency-Key: a\r\nidempotency-key: a\r\n",
        "Content-Type: text/plain\r\n",
    ],
)
async def test_no_header_that_decides_stands_there_twice(lines: str, shared_front_end: FrontEnd) -> None:
    headers = f"Content-Type: application/json\r\n{lines}"
    status, answer = await status_of(shared_front_end, "POST /downloads", headers, BODY)
    assert (status, ": give it once" in answer) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/downloads", '{"url":"https://example.com/a","url":"https://example.com/b"}'),
        ("POST", "/downloads", '{"url":"https://example.com/a","headers":{"Cookie":"a","Cookie":"b"}}'),
        ("PUT", "/limits", '{"max_speed":1,"max_speed":2}'),
        ("PATCH", "/downloads/a", '{"priority":1,"priority":2}'),
        ("PATCH", "/downloads/a", '{"position":{"before":"b","before":"c"}}'),
        ("POST", "/publish", '{"items":[],"items":[]}'),
        ("POST", "/publish", '{"items":[{"channel":"a","channel":"b","event":{}}]}'),
        ("POST", "/publish", '{"items":[{"event":{"a":1,"\\u0061":2}}]}'),
        ("POST", "/channels/a/publish", '{"type":"x","type":"y"}'),
        ("POST", "/channels/a/publish", '{"a":{"\\ud800":1,"\\ud800":2}}'),
    ],
)
async def test_no_body_has_a_member_twice(method: str, path: str, body: str, shared_front_end: FrontEnd) -> None:
    answer = await send_json(shared_front_end, method, path, body.encode())
    assert answer.status == 422 and ": give it once" in answer.body["detail"]


@pytest.mark.parametrize(
    "text",
    [
        '{"action":"pause_download","download_id":"a","download_id":"b"}',
        '{"action":"list_downloads","action":"clear_finished"}',
        '{"action":"move_download","download_id":"a","position":{"before":"b","before":"c"}}',
        '{"action":"add_download","url":"https://example.com/a","basic":{"user":"a","user":"b"}}',
        '{"action":"publish","event":{"a":[{"b":1,"b":2}]}}',
        '{"action":"subscribe","channel":"a","channel":"b"}',
    ],
)
def test_no_message_of_a_client_has_a_member_twice(text: str) -> None:
    refusal = parse_command(text)
    assert isinstance(refusal, InvalidCommand) and refusal.code == "invalid_member"
    assert ": give it once" in json.loads(refusal.encode())["message"]


def test_no_first_message_has_two_tokens() -> None:
    assert parse_token('{"action":"authenticate","token":"a"}') == "a"
    assert parse_token('{"action":"authenticate","token":"a","token":"b"}') is None
