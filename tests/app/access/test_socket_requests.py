"""Each request over a WebSocket with and without its scope, beside the same request by REST."""

import json
from typing import Any

import pytest

from tests.app.access.connections import connect
from tests.json_requests import send_json
from tests.service import FrontEnd, collect
from tests.signed_tokens import token

REQUESTS: dict[str, tuple[str, dict[str, object], tuple[str, str, object]]] = {
    "add_download": (
        "command",
        {"url": "https://example.com/scopes", "download_id": "of-scopes"},
        ("POST", "/downloads", {"url": "https://example.com/scopes", "download_id": "of-scopes"}),
    ),
    "get_download": ("watch", {"download_id": "nobody"}, ("GET", "/downloads/nobody", None)),
    "list_downloads": ("watch", {}, ("GET", "/downloads", None)),
    "publish": (
        "publish",
        {"channel": "downloads", "event": {"n": 1}},
        ("POST", "/channels/downloads/publish", {"n": 1}),
    ),
}
REASONS = {200: None, 201: None, 403: "not_allowed", 404: "unknown_download"}
# Scopes and channels; each has `watch` somewhere, without which there is no connection.
RIGHTS = [
    ("watch", ["downloads"]),
    ("watch command", ["downloads"]),
    ("watch publish", ["downloads"]),
    ("watch command publish files", ["another"]),
    ("admin", ["downloads"]),
]


@pytest.mark.parametrize("action", REQUESTS)
@pytest.mark.parametrize(("scope", "channels"), RIGHTS)
async def test_a_request_is_answered_as_by_rest_for_each_token(
    guarded: FrontEnd, action: str, scope: str, channels: list[str]
) -> None:
    needed, members, (method, path, body) = REQUESTS[action]
    bearer = token(scope, channels=channels)
    async with await connect(guarded, bearer, f"?channel={channels[0]}") as client:
        await client.send(json.dumps({"action": action, "command_id": "c-1"} | members))
        found: dict[str, Any] = json.loads((await collect(client, '"command_id":"c-1"'))[-1])
    answer = await send_json(guarded, method, path, body, token=bearer)
    assert found.get("reason") == REASONS[answer.status]
    if answer.status >= 400:
        assert found["message"] == answer.body["detail"]
    is_allowed = scope == "admin" or (needed in scope.split() and channels == ["downloads"])
    assert (found.get("reason") != "not_allowed") == is_allowed


async def test_nothing_is_answered_to_a_client_without_a_token(guarded: FrontEnd) -> None:
    async with await connect(guarded) as client:
        await client.send('{"action":"list_downloads"}')
        await client.wait_closed()
    assert client.close_code == 4401
