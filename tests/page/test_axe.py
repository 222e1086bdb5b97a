"""The findings of axe in each state of the page."""

import pytest
from playwright.async_api import expect

from tests.events import event
from tests.page.axe import SERIOUS, script
from tests.page.conftest import OpenPage
from tests.page.rows import EVERY_STATE, row
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")])
async def test_axe_finds_nothing_serious(open_page: OpenPage, stub: StubServer, width: int, scheme: str) -> None:
    page = await open_page(width=width, scheme=scheme)
    await page.evaluate(script())
    await expect(page.locator("#empty")).to_have_css("opacity", "1")  # it fades in
    assert await page.evaluate(SERIOUS) == []  # nothing there yet
    await page.evaluate("document.querySelector('#access').hidden = false")
    await page.evaluate("document.documentElement.dataset.files = ''")
    await stub.send(*EVERY_STATE, event(99, "complete", "saved", name="x.iso", attempt=1))
    await expect(page.get_by_role("link", name="Save x.iso")).to_be_visible()
    await row(page, "c").get_by_role("checkbox").check()
    await row(page, "b").get_by_role("button", name="Cancel").click()
    await row(page, "d").get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Clear finished").click()
    await expect(page.get_by_role("button", name="Delete file too")).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel it")).to_be_visible()
    await expect(page.locator("#selection")).to_be_visible()
    assert await page.evaluate(SERIOUS) == []
    await page.get_by_role("button", name="Dismiss").click()
    await row(page, "b").locator(".title").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await page.evaluate(SERIOUS) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Limits", exact=True).click()
    await page.get_by_role("button", name="Add a period with other limits").click()
    assert await page.evaluate(SERIOUS) == []
    await page.keyboard.press("Escape")
    await page.get_by_label("Search").fill("zzz")
    await expect(page.get_by_text("Nothing matches.")).to_be_visible()
    assert await page.evaluate(SERIOUS) == []
