"""The API's description at `/docs`, in a browser that reaches nothing else."""

import pytest
from playwright.async_api import Browser, expect

from tests.page.conftest import OpenPage
from tests.programs import StartFrontEnd
from tests.signed_tokens import SECRET, token

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_it_needs_nothing_from_elsewhere_and_tries_a_request(browser: Browser, front_end: StartFrontEnd) -> None:
    running = await front_end()
    base = f"http://127.0.0.1:{running.port}/"
    context = await browser.new_context()
    page = await context.new_page()
    requested: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    await page.goto(f"{base}docs")
    await page.locator("[id*=health]").first.click()
    await page.get_by_role("button", name="Try it out").click()
    await page.get_by_role("button", name="Execute").click()
    await expect(page.locator(".live-responses-table tbody .response-col_status").first).to_have_text("200")
    assert [url for url in requested if not url.startswith((base, "data:"))] == []
    assert errors == []
    await context.close()


@pytest.mark.long
async def test_with_a_token_that_is_entered_there_a_request_is_answered(
    browser: Browser, front_end: StartFrontEnd
) -> None:
    running = await front_end(SIMULCAST_TOKEN_SECRET=SECRET)
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{running.port}/docs")
    await page.locator("button.authorize.unlocked").first.click()
    await page.get_by_label("Value").fill(token("watch"))
    await page.get_by_role("button", name="Apply credentials").click()
    await page.get_by_role("button", name="Close").click()
    await page.locator("[id*=list_downloads]").first.click()
    await page.get_by_role("button", name="Try it out").click()
    await page.get_by_role("button", name="Execute").click()
    await expect(page.locator(".live-responses-table tbody .response-col_status").first).to_have_text("200")
    await context.close()


async def test_the_page_links_to_it(open_page: OpenPage) -> None:
    page = await open_page()
    link = page.get_by_role("link", name="API")
    assert (await link.evaluate("link => link.href")).endswith("/some/where/docs")
    await expect(page.get_by_role("link", name="Documentation")).to_be_hidden()  # this server has none
