"""A real Chromium on the page's files, served by a stub that does what the test says."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Error, Page, expect

from tests.file_server import Files, serve_files
from tests.page.stub import StubServer

expect.set_options(timeout=60_000)  # several tests run side by side, and machines differ
OpenPage = Callable[..., Awaitable[Page]]

# Messages of Chromium and of the Gateway when a test refuses a request on purpose.
EXPECTED_ERRORS = ("Failed to load resource", "WebSocket connection to", "gateway: the connection ended with")


async def until_live(page: Page) -> None:
    await expect(page.locator("#phase")).to_have_text("Live")


async def give(page: Page, text: str) -> None:
    await page.get_by_label("Token", exact=True).fill(text)
    await page.get_by_role("button", name="Connect").click()


@pytest_asyncio.fixture(loop_scope="session")
async def stub() -> AsyncIterator[StubServer]:
    stub = StubServer()
    await stub.start()
    yield stub
    await stub.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, stub: StubServer) -> AsyncIterator[OpenPage]:
    """Open the page, live by default. An exception or an error on its console fails the test."""
    errors: list[str] = []
    contexts = []

    def note_message(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(EXPECTED_ERRORS):
            errors.append(message.text)

    def note_exception(error: Error) -> None:
        errors.append(str(error))

    async def open_page(
        *,
        width: int = 1280,
        scheme: str = "light",
        live: bool = True,
        clock: bool = False,
        touch: bool = False,
        language: str = "en-US",
        query: str = "",
    ) -> Page:
        context = await browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce" if scheme == "still" else "no-preference",
            has_touch=touch,
            locale=language,
        )
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = await context.new_page()
        page.on("console", note_message)
        page.on("pageerror", note_exception)
        if clock:
            await page.clock.install()
        await page.goto(stub.url + query)
        if live:
            await until_live(page)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert errors == []


@pytest_asyncio.fixture(loop_scope="session")
async def files() -> AsyncIterator[Files]:
    async with serve_files() as server:
        yield server
