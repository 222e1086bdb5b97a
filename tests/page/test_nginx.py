"""Below a sub path, behind nginx: the page, its WebSocket, its stream, and the client for browsers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import websockets
from playwright.async_api import Browser, expect

from simulcast.broker import Broker
from simulcast.model.events import progress_event
from tests.event_stream import stream
from tests.nginx import BELOW, Nginx
from tests.page.rows import BLOCK_WEBSOCKETS, row, slot
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[list[Nginx]]:
    started: list[Nginx] = []
    yield started
    for server in started:
        server.stop()


def in_front_of(running: FrontEnd, nginx: list[Nginx], folder: Path, max_connections: int = 1000) -> Nginx:
    folder.mkdir()
    started = Nginx(folder, running.port, max_connections)
    nginx.append(started)
    return started


@pytest.mark.long
@pytest.mark.parametrize("blocked", [False, True])
async def test_the_page_is_live_and_adds(
    browser: Browser,
    front_end: StartFrontEnd,
    own_valkey: Valkey,
    nginx: list[Nginx],
    tmp_path: Path,
    blocked: bool,
) -> None:
    before = in_front_of(await front_end(root_path=BELOW), nginx, tmp_path / "nginx")
    broker = Broker.connect(own_valkey.url)
    context = await browser.new_context()
    page = await context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("websocket", lambda socket: requested.append(socket.url.replace("ws:", "http:")))
    if blocked:
        await page.add_init_script(BLOCK_WEBSOCKETS)
    await page.goto(before.url)
    await expect(page.locator("#phase")).to_have_text("Live (by SSE)" if blocked else "Live")
    await broker.publish(progress_event("one", 0.25, 1))
    await expect(slot(page, "percent", "one")).to_have_text("25 %")
    await page.locator("#urls").fill("http://127.0.0.1:1/two.bin")
    await page.locator("#add-button").click()
    await expect(page.locator("li.row")).to_have_count(2)
    await page.get_by_role("button", name=re.compile(r"Cancel two\.bin")).click()
    await expect(page.locator("li.row", has_text="two.bin").locator('[data-slot="state"]')).to_have_text("Cancelled")
    await broker.publish(progress_event("one", 0.5, 1))
    await expect(slot(page, "percent", "one")).to_have_text("50 %")
    await expect(row(page, "one")).to_have_count(1)
    assert [url for url in requested if not url.startswith(before.url)] == []
    await context.close()
    await broker.aclose()


@pytest.mark.parametrize("raw", [True, False])
async def test_with_its_root_path_what_the_server_names_is_below_it(
    front_end: StartFrontEnd, nginx: list[Nginx], tmp_path: Path, raw: bool
) -> None:
    running = await front_end(raw=raw, root_path=BELOW if raw else BELOW.rstrip("/"))
    before = in_front_of(running, nginx, tmp_path / "nginx")
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{before.url}downloads", json={"url": "http://127.0.0.1:1/a.bin"}) as answer:
            record, location = await answer.json(), answer.headers["location"]
        assert location == f"{BELOW}downloads/{record['download_id']}"
        async with session.get(f"http://127.0.0.1:{before.port}{location}") as answer:
            assert await answer.json() | {"existing": False} == record
        async with session.get(f"{before.url}docs") as answer:
            assert f"'{BELOW}openapi.json'" in await answer.text()
        async with session.get(f"{before.url}docs/swagger-ui.css") as answer:
            assert answer.status == 200
        async with session.get(f"{before.url}page/page.js") as answer:
            assert answer.status == 200
    async with websockets.connect(f"{before.url.replace('http', 'ws')}ws", proxy=None) as connection:
        assert record["download_id"] in str(await connection.recv())


async def test_a_stream_goes_through_at_once_and_recovers(
    front_end: StartFrontEnd, own_valkey: Valkey, nginx: list[Nginx], tmp_path: Path
) -> None:
    before = in_front_of(await front_end(), nginx, tmp_path / "nginx")
    broker = Broker.connect(own_valkey.url)
    async with stream(f"{before.url}events") as reader:
        for n in range(3):  # each of them alone: a proxy that buffers would hold it back
            await broker.publish({"n": n})
            assert json.loads(await reader.next())["n"] == n
    await broker.publish({"n": 3})
    async with stream(f"{before.url}events", reader.last_id) as again:
        assert json.loads(await again.next())["n"] == 3
    await broker.aclose()


async def test_the_client_for_browsers_connects_beside_the_page(
    browser: Browser, front_end: StartFrontEnd, own_valkey: Valkey, nginx: list[Nginx], tmp_path: Path
) -> None:
    running = await front_end()
    before = in_front_of(running, nginx, tmp_path / "nginx")
    broker = Broker.connect(own_valkey.url)
    for base in (f"http://127.0.0.1:{running.port}/", before.url):
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(base)
        await page.evaluate("""async () => {
            const { Gateway } = await import("./page/gateway.js");
            window.received = new Promise((resolve) => (Gateway.onWebSocketMessage = resolve));
            await Gateway.init();
        }""")
        await broker.publish({"type": "here"})
        assert '"type":"here"' in await page.evaluate("window.received")
        await context.close()
    assert before.url.endswith(BELOW)
    await broker.aclose()


async def test_one_address_has_as_many_connections_as_it_may_by_nginx_or_by_the_front_end_behind_it(
    front_end: StartFrontEnd, nginx: list[Nginx], tmp_path: Path
) -> None:
    running = await front_end(SIMULCAST_CONNECTIONS_PER_ADDRESS="2")
    strict = in_front_of(running, nginx, tmp_path / "strict", max_connections=2)
    lenient = in_front_of(running, nginx, tmp_path / "lenient")

    async def connect(through: Nginx, address: str) -> websockets.ClientConnection:
        url = through.url.replace("http", "ws") + "ws"
        return await websockets.connect(url, proxy=None, additional_headers={"x-forwarded-for": address})

    held = [await connect(strict, f"203.0.113.{n}") for n in range(2)]
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(strict, "203.0.113.9")
    assert refused.value.response.status_code == 429
    # This nginx forwards requests of 127.0.0.1, of another proxy on this machine therefore, which names their clients.
    held += [await connect(lenient, "198.51.100.1") for _ in range(2)]
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(lenient, "198.51.100.1")
    assert b"198.51.100.1 has 2 connections" in (refused.value.response.body or b"")
    for connection in held:
        await connection.close()
