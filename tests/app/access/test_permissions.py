"""Each route with and without its scope."""

import time

import aiohttp
import pytest

from simulcast.model.token_claims import SCOPES
from tests.http_requests import request
from tests.service import FrontEnd
from tests.signed_tokens import token

ROUTES = [
    ("watch", "GET", "/downloads", None, 200),
    ("watch", "GET", "/downloads/nobody", None, 404),
    ("watch", "GET", "/channels/downloads/state", None, 200),
    ("watch", "GET", "/channels/downloads/history?since=1-1", None, 200),
    ("command", "POST", "/downloads", {"url": "https://example.com/a.iso"}, 201),
    ("command", "POST", "/downloads/clear", None, 200),
    ("command", "POST", "/downloads/nobody/pause", None, 404),
    ("command", "DELETE", "/downloads/nobody", None, 404),
    ("files", "GET", "/downloads/nobody/file", None, 404),
    ("files", "POST", "/downloads/nobody/file/link", None, 404),
    ("publish", "POST", "/channels/downloads/publish", {"type": "x"}, 200),
]


@pytest.mark.parametrize(("scope", "method", "path", "body", "status"), ROUTES)
async def test_a_route_wants_its_scope(
    guarded: FrontEnd, scope: str, method: str, path: str, body: object, status: int
) -> None:
    missing = await request(guarded, method, path, None, body)
    assert missing.status == 401 and "simulcast token" in missing.detail
    assert missing.challenge == 'Bearer realm="simulcast"'
    others = " ".join(set(SCOPES) - {scope, "admin"})
    lacking = await request(guarded, method, path, token(others), body)
    assert (lacking.status, lacking.detail) == (403, f"the token doesn't have the scope {scope}: get one that has it")
    assert 'error="insufficient_scope"' in lacking.challenge
    elsewhere = await request(guarded, method, path, token(scope, channels=["another"]), body)
    assert elsewhere.status == 403 and "channel downloads" in elsewhere.detail
    assert (await request(guarded, method, path, token(scope), body)).status == status


async def test_nobody_learns_of_a_file_by_head_either(guarded: FrontEnd) -> None:
    async with aiohttp.request("HEAD", f"http://127.0.0.1:{guarded.port}/downloads/nobody/file") as refused:
        assert refused.status == 401


async def test_publishing_is_allowed_in_the_channels_that_match(guarded: FrontEnd) -> None:
    mine = token("publish", channels=["team-*"])
    assert (await request(guarded, "POST", "/channels/team-7/publish", mine, {"type": "x"})).status == 200
    assert (await request(guarded, "POST", "/channels/other/publish", mine, {"type": "x"})).status == 403


async def test_a_token_that_is_not_valid_is_refused_with_the_reason(guarded: FrontEnd) -> None:
    expired = await request(guarded, "GET", "/downloads", token(exp=int(time.time()) - 5))
    assert (expired.status, expired.detail) == (401, "the token has expired: get a new one")
    assert 'error="invalid_token"' in expired.challenge
    foreign = await request(guarded, "GET", "/downloads", token(aud="another"))
    assert foreign.status == 401 and "Audience" in foreign.detail


@pytest.mark.parametrize("path", ["/health", "/ready", "/", "/page/page.js", "/openapi.json"])
async def test_probes_and_the_page_need_none(guarded: FrontEnd, path: str) -> None:
    assert (await request(guarded, "GET", path)).status == 200


@pytest.mark.parametrize("name", ["token", "access_token", "%54oke%6e"])
async def test_a_token_in_the_url_is_refused(guarded: FrontEnd, name: str) -> None:
    asked = await request(guarded, "GET", f"/downloads?{name}={token()}")
    assert asked.status == 400 and "a token in a URL" in asked.detail
    assert "eyJ" not in guarded.output()
