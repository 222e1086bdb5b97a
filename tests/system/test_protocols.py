"""Requests as probes, proxies and other clients write them."""

import asyncio
import json

import aiohttp
import pytest
import websockets

from tests.http_requests import raw_request
from tests.programs import StartFrontEnd
from tests.scraping import start_with_admin
from tests.service import FrontEnd


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/downloads", "/docs", "/openapi.json", "/page/page.js"])
async def test_head_is_answered_as_get_without_a_body(shared_front_end: FrontEnd, path: str) -> None:
    host = f"Host: 127.0.0.1:{shared_front_end.port}"
    status, got = await raw_request(shared_front_end, f"GET {path} HTTP/1.1\n{host}")
    head_status, head = await raw_request(shared_front_end, f"HEAD {path} HTTP/1.1\n{host}")
    assert (status, head_status) == (200, 200)
    assert head.endswith("\r\n\r\n") and got.partition("\r\n\r\n")[2]
    assert "content-length" in head and "content-length: 0" not in head


async def test_probes_of_the_admin_port_may_use_head(front_end: StartFrontEnd) -> None:
    admin = await start_with_admin(front_end)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{admin.port}") as session:
        for path in ("/health", "/ready", "/metrics"):
            async with session.head(path) as answer:
                assert answer.status == 200


async def test_head_of_a_stream_ends(shared_front_end: FrontEnd) -> None:
    status, head = await raw_request(
        shared_front_end, f"HEAD /events HTTP/1.1\nHost: 127.0.0.1:{shared_front_end.port}"
    )
    assert status == 200 and "content-type: text/event-stream" in head


@pytest.mark.parametrize("path", ["/ws", "/ws/"])
async def test_a_handshake_that_lost_its_upgrade_in_a_proxy_gets_the_reason(
    shared_front_end: FrontEnd, path: str
) -> None:
    status, answer = await shared_front_end.get(path)
    assert status == 426 and "proxy pass on Upgrade" in str(answer["detail"])


async def test_a_slash_behind_ws_changes_nothing(shared_front_end: FrontEnd) -> None:
    async with websockets.connect(f"{shared_front_end.ws}/?channel=slash", proxy=None) as client:
        status, _ = await shared_front_end.post("/channels/slash/publish", {"type": "x"})
        assert status == 200
        assert json.loads(await client.recv())["type"] == "x"


@pytest.mark.parametrize("path", ["/health", "/downloads?limit=1", "", "?x=1"])
async def test_a_target_with_scheme_and_host_is_that_path(shared_front_end: FrontEnd, path: str) -> None:
    host = f"127.0.0.1:{shared_front_end.port}"
    _, expected = await raw_request(
        shared_front_end, f"GET {path if path[:1] == '/' else '/' + path} HTTP/1.1\nHost: {host}"
    )
    status, answer = await raw_request(shared_front_end, f"GET HTTP://{host}{path} HTTP/1.1\nHost: ignored.example")
    assert status == 200
    assert answer.partition("\r\n\r\n")[2] == expected.partition("\r\n\r\n")[2]


async def test_the_host_of_an_absolute_target_is_the_one_that_is_checked(shared_front_end: FrontEnd) -> None:
    host = f"127.0.0.1:{shared_front_end.port}"
    request = f"GET http://other.example/downloads HTTP/1.1\nHost: {host}"
    assert (await raw_request(shared_front_end, request))[0] == 421


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_a_handshake_may_have_an_absolute_target(shared_front_end: FrontEnd, scheme: str) -> None:
    host = f"127.0.0.1:{shared_front_end.port}"
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_front_end.port)
    lines = [f"GET {scheme}://{host}/ws HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(20):
        assert (await reader.readline()).split(b" ")[1] == b"101"
    writer.close()


@pytest.mark.parametrize("path", ["//health", "///ready", "//downloads?limit=1", "//page/page.js", "//"])
async def test_a_slash_too_many_in_front_changes_nothing(shared_front_end: FrontEnd, path: str) -> None:
    status, _ = await raw_request(shared_front_end, f"GET {path} HTTP/1.1\nHost: 127.0.0.1:{shared_front_end.port}")
    assert status == 200


async def test_a_slash_too_many_in_front_of_ws_changes_nothing(shared_front_end: FrontEnd) -> None:
    async with websockets.connect(shared_front_end.ws.removesuffix("/ws") + "//ws", proxy=None) as client:
        await client.ping()


@pytest.mark.parametrize(
    "path", ["/", "/health", "/events", "/downloads", "/page/x", "/docs/x", "/wss", "/ws/x", "/x" * 90]
)
async def test_a_handshake_elsewhere_is_refused_with_the_path_that_it_wants(
    shared_front_end: FrontEnd, path: str
) -> None:
    address = shared_front_end.ws.removesuffix("/ws") + path
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await websockets.connect(address, proxy=None)
    response = refusal.value.response
    assert response.status_code == 404 and b"that is at /ws" in (response.body or b"")
