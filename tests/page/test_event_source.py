"""A browser's own EventSource reconnects after refusals that pass, on the real server and through nginx."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from simulcast.broker import Broker
from tests.conditions import eventually
from tests.nginx import Nginx
from tests.programs import StartFrontEnd
from tests.raw_client import raw_client
from tests.service import FrontEnd
from tests.signed_tokens import SECRET, token
from tests.valkey import Valkey

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
OPEN = """address => {
    window.seen = [];
    window.refusals = [];
    const source = new EventSource(address);
    source.onmessage = event => window.seen.push(JSON.parse(event.data).type);
    source.addEventListener("refused", event => window.refusals.push(JSON.parse(event.data).status));
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    yield context
    await context.close()


async def open_source(context: BrowserContext, origin: str, path: str = "/events") -> Page:
    page = await context.new_page()
    await page.goto(f"{origin}/health")
    await page.evaluate(OPEN, path)
    return page


async def until_refused(page: Page, status: int) -> None:
    async def is_refused() -> bool:
        return status in await page.evaluate("window.refusals")

    await eventually(is_refused, f"an event that names {status}")


async def until_live(page: Page, redis_url: str) -> None:
    broker = Broker.connect(redis_url)

    async def receives() -> bool:
        await broker.publish({"type": "live"})
        return "live" in await page.evaluate("window.seen")

    await eventually(receives, "an event that the EventSource receives")
    await broker.aclose()


def origin_of(running: FrontEnd) -> str:
    return f"http://127.0.0.1:{running.port}"


@pytest.mark.long
async def test_an_event_source_reconnects_after_503(
    context: BrowserContext, own_valkey: Valkey, front_end: StartFrontEnd
) -> None:
    own_valkey.kill()
    running = await front_end(ready=False)

    async def answers() -> bool:
        return (await running.get("/health"))[0] == 200

    await eventually(answers, "the front-end answers")
    page = await open_source(context, origin_of(running))
    await until_refused(page, 503)
    await asyncio.to_thread(own_valkey.start)
    await until_live(page, own_valkey.url)


@pytest.mark.long
async def test_an_event_source_reconnects_after_401_once_it_has_a_token(
    context: BrowserContext, own_valkey: Valkey, front_end: StartFrontEnd
) -> None:
    running = await front_end(SIMULCAST_TOKEN_SECRET=SECRET)
    page = await open_source(context, origin_of(running))
    await until_refused(page, 401)
    await context.set_extra_http_headers({"authorization": f"Bearer {token('watch')}"})
    await until_live(page, own_valkey.url)


@pytest.mark.long
async def test_an_event_source_reconnects_after_429_once_its_address_has_room(
    context: BrowserContext, own_valkey: Valkey, front_end: StartFrontEnd
) -> None:
    running = await front_end(SIMULCAST_CONNECTIONS_PER_ADDRESS="1")
    neighbour = raw_client(running, "x-forwarded-for: 203.0.113.7\r\n")
    page = await context.new_page()
    await page.goto(f"{origin_of(running)}/health")
    await context.set_extra_http_headers({"x-forwarded-for": "203.0.113.7"})
    await page.evaluate(OPEN, "/events")
    await until_refused(page, 429)
    neighbour.close()
    await until_live(page, own_valkey.url)


@pytest.mark.long
async def test_an_event_source_reconnects_after_its_proxy_found_no_front_end(
    context: BrowserContext, own_valkey: Valkey, front_end: StartFrontEnd, tmp_path: Path
) -> None:
    running = await front_end()
    folder = tmp_path / "nginx"
    folder.mkdir()
    proxy = Nginx(folder, running.port)
    try:
        page = await context.new_page()
        await page.goto(f"{proxy.url}health")
        await asyncio.to_thread(running.stop)
        async with page.expect_response(f"{proxy.url}events") as refusal:
            await page.evaluate(OPEN, "events")
        answer = await refusal.value
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
        await front_end(port=running.port)
        await until_live(page, own_valkey.url)
    finally:
        proxy.stop()
