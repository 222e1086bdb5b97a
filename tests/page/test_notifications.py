"""The title, and notifications where they are asked for."""

import pytest
from playwright.async_api import Page, expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import NOTIFICATIONS, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

HIDE = "Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })"


async def asked(page: Page, granted: bool) -> None:
    await page.evaluate(NOTIFICATIONS, granted)
    await page.get_by_role("button", name="Notify me of ends").click()


async def test_the_title_has_progress_and_number(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await expect(page).to_have_title("Simulcast")
    await stub.send(event(1, "queued", "a"))
    await expect(page).to_have_title("1 active · Simulcast")
    await stub.send(event(2, "progress", "b", progress=0.5, received_bytes=50, total_bytes=100))
    await stub.send(event(3, "progress", "c", progress=0.1, received_bytes=30, total_bytes=300))
    await expect(page).to_have_title("20 % · 3 active · Simulcast")
    await stub.send(*[event(4 + n, "cancelled", name) for n, name in enumerate("abc")])
    await expect(page).to_have_title("Simulcast")


async def test_ends_are_notified_where_that_was_asked_for_and_nobody_looks(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(clock=True)
    button = page.get_by_role("button", name="Notify me of ends")
    await expect(button).to_have_attribute("aria-pressed", "false")
    await asked(page, granted=True)
    await expect(button).to_have_attribute("aria-pressed", "true")
    await stub.send(event(1, "started", "a", name="a.iso"), event(2, "complete", "a"))
    await expect(slot(page, "state")).to_have_text("Complete")
    await page.clock.run_for(3_000)
    assert await page.evaluate("shown") == []  # the page is seen

    await page.evaluate(HIDE)
    await stub.send(event(3, "started", "b", name="b.iso"), event(4, "error", "b", error_message="no"))
    await expect(slot(page, "state", "b")).to_have_text("Failed")
    await page.clock.run_for(3_000)
    assert await page.evaluate("shown") == ["b.iso: failed"]
    await stub.send(*[event(10 + n, "started", f"d{n}") for n in range(9)])
    await stub.send(*[event(20 + n, "complete", f"d{n}") for n in range(9)])
    await expect(slot(page, "state", "d8")).to_have_text("Complete")
    await page.clock.run_for(3_000)
    assert (await page.evaluate("shown"))[1:] == ["9 jobs ended."]

    await button.click()
    await expect(button).to_have_attribute("aria-pressed", "false")
    await stub.send(event(40, "started", "e"), event(41, "complete", "e"))
    await expect(slot(page, "state", "e")).to_have_text("Complete")
    await page.clock.run_for(3_000)
    assert len(await page.evaluate("shown")) == 2


async def test_a_refusal_of_the_browser_is_told(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await asked(page, granted=False)
    await expect(page.get_by_role("status")).to_contain_text("The browser refuses notifications of this page.")
    await expect(page.get_by_role("button", name="Notify me of ends")).to_have_attribute("aria-pressed", "false")
