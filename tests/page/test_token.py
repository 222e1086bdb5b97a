"""The page of a service that wants tokens."""

import json
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, expect

from simulcast.broker import Broker
from simulcast.model.events import complete_event, progress_event
from tests.page.conftest import OpenPage, give, until_live
from tests.page.rows import BLOCK_WEBSOCKETS, row, slot
from tests.page.stub import StubServer
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.signed_tokens import SECRET, token
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="session")
ALL = "watch command"
PHASES = """
    window.phases = [];
    addEventListener("DOMContentLoaded", () => {
        const phase = document.getElementById("phase");
        new MutationObserver(() => phases.push(phase.textContent)).observe(phase, { childList: true });
    });
"""


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(front_end: StartFrontEnd) -> FrontEnd:
    return await front_end(SIMULCAST_TOKEN_SECRET=SECRET, SIMULCAST_FILES_DIR="/nowhere")


@pytest_asyncio.fixture(loop_scope="session")
async def broker(own_valkey: Valkey) -> AsyncIterator[Broker]:
    broker = Broker.connect(own_valkey.url)
    yield broker
    await broker.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    yield context
    await context.close()


@pytest.mark.parametrize("blocked", [False, True])
async def test_it_asks_for_a_token_and_with_it_shows_lists_adds_and_commands_also_after_a_reload(
    context: BrowserContext, guarded: FrontEnd, broker: Broker, blocked: bool
) -> None:
    page = await context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("websocket", lambda socket: requested.append(socket.url))
    answers: list[tuple[str, int]] = []
    page.on("response", lambda response: answers.append((response.url, response.status)))
    if blocked:
        await page.add_init_script(BLOCK_WEBSOCKETS)
    await page.add_init_script(PHASES)
    await broker.publish(progress_event("before", 0.25, 1))
    base = f"http://127.0.0.1:{guarded.port}/"
    await page.goto(base)
    await expect(page.locator("#phase")).to_have_text("A token is required")
    await expect(page.get_by_text("This service requires a token.")).to_be_visible()
    await expect(page.get_by_label("Token", exact=True)).to_be_focused()
    assert not any("Live" in text for text in await page.evaluate("phases"))
    await expect(page.locator("li.row")).to_have_count(0)

    shown = token(ALL)
    await give(page, shown)
    for _ in range(2):
        await expect(page.locator("#phase")).to_have_text("Live (by SSE)" if blocked else "Live")
        await expect(page.get_by_label("Token", exact=True)).to_be_hidden()
        await expect(slot(page, "percent", "before")).to_have_text("25 %")
        await page.reload()
    await page.locator("#urls").fill("http://127.0.0.1:1/added.bin")
    await page.locator("#add-button").click()
    added = page.locator("li.row", has_text="added.bin")
    await added.get_by_role("button", name="Cancel").click()
    await expect(added.locator('[data-slot="state"]')).to_have_text("Cancelled")
    assert {status for url, status in answers if url.startswith(f"{base}downloads")} == {200, 201}
    assert any("/downloads?" in url for url, _ in answers)
    assert [url for url in requested if shown in url] == []
    assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert shown not in guarded.output()


async def test_one_that_does_not_do_is_told_with_the_reason_and_the_next_one_does(
    context: BrowserContext, guarded: FrontEnd
) -> None:
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{guarded.port}/")
    words, field = page.locator("#access-message"), page.get_by_label("Token", exact=True)
    for bad, reason in (
        ("", "a token has no spaces and only letters of ASCII"),
        ("zwölf Wörter", "a token has no spaces and only letters of ASCII"),
        ("x.y.z", "the token is not valid"),
        (token(exp=1), "the token has expired: get a new one"),
        (token("command"), "the token doesn't have the scope watch"),
    ):
        await give(page, bad)
        await expect(words).to_contain_text(f"Enter another token: {reason}")
        await expect(field).to_have_attribute("aria-invalid", "true")
    await give(page, f" {token()} ")
    await until_live(page)
    await expect(page.locator("#phase")).to_be_focused()


async def test_a_token_that_expires_is_asked_for_and_nothing_is_missed_meanwhile(
    context: BrowserContext, guarded: FrontEnd, broker: Broker
) -> None:
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{guarded.port}/")
    await give(page, token(exp=int(time.time()) + 5))
    await until_live(page)
    await broker.publish(progress_event("a", 0.25, 1))
    await expect(slot(page, "percent")).to_have_text("25 %")
    await expect(page.locator("#access-message")).to_have_text("Enter another token: the token has expired.")
    await expect(row(page)).to_be_visible()
    await broker.publish(complete_event("a", "/f"))
    await give(page, token())
    await until_live(page)
    await expect(slot(page, "state")).to_have_text("Complete")


async def test_where_a_proxy_shows_the_token_the_page_asks_for_none(
    browser: Browser, guarded: FrontEnd, broker: Broker
) -> None:
    context = await browser.new_context(extra_http_headers={"authorization": f"Bearer {token(ALL)}"})
    await broker.publish({**complete_event("a", "/f"), "change": 1})
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{guarded.port}/")
    await until_live(page)
    await expect(slot(page, "save")).to_be_visible()
    await expect(page.get_by_label("Token", exact=True)).to_be_hidden()
    await context.close()


async def test_a_service_that_wants_tokens_since_lately_is_believed(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.close(4401, "no token came within 10 s: send one first")
    await give(page, "a.b.c")
    await until_live(page)
    await stub.messages(1)
    assert stub.received == [{"action": "authenticate", "token": "a.b.c"}]


async def test_one_to_whom_nothing_is_told_after_its_token_comes_back(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.close(4401, "")
    stub.is_silent = True
    await give(page, "a.b.c")
    await stub.messages(1)
    await page.clock.fast_forward(5_100)
    await expect(page.locator("#phase")).to_contain_text("No connection")
    stub.is_silent = False
    await page.clock.fast_forward(6_100)
    await until_live(page)


async def test_a_stream_that_is_refused_for_the_pages_name_asks_for_no_token(
    open_page: OpenPage, stub: StubServer
) -> None:
    stub.refuses = True
    page = await open_page(live=False)
    body = json.dumps({"detail": "pages of http://x may not use this service"})
    await page.route("**/events*", lambda route: route.fulfill(status=403, body=body))
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator("#phase")).to_have_text(
        "The server refused the connection: pages of http://x may not use this service"
    )
    await expect(page.get_by_label("Token", exact=True)).to_be_hidden()
