"""The page in other languages than English, chosen by the browser or on the page; Arabic from right to left."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.events import event, job_event
from tests.page.axe import SERIOUS, script
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")
SHOTS = os.environ.get("SHOTS", "")

# Elements that reach beyond the page. A row on a touch screen does: it has no box until rows are selected.
OUTSIDE = """() => {
  const width = document.documentElement.clientWidth;
  const isOutside = ({ left, right }) => left < -1 || right > width + 1;
  return Array.from(document.querySelectorAll("body *"))
    .filter(element => element.checkVisibility() && !element.matches(".row, .select, .icons *, .actions span"))
    .filter(element => !element.closest(".visually-hidden") && isOutside(element.getBoundingClientRect()))
    .map(element => element.outerHTML.slice(0, 120));
}"""


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


async def fill(stub: StubServer) -> None:
    url = "https://example.org/debian-13.1.0-amd64-netinst.iso"
    await stub.send(
        event(1, "started", "a", url=url),
        event(2, "progress", "a", progress=0.42, speed=12_300_000, received_bytes=280_000_000, total_bytes=666_000_000),
        event(3, "paused", "b", name="archive (1).tar.gz", received_bytes=5_000_000, total_bytes=10_000_000),
        event(4, "complete", "c", name="صورة.jpg", file_path="/downloads/صورة.jpg"),
        event(5, "error", "d", name="missing.zip", error_message="HTTP 404: Not Found."),
        job_event(6, "progress", "e", name="report", kind="render", progress=0.3, done=3, total=10, unit="frames"),
        event(7, "queued", "f", name="next.iso", url=url),
    )


async def axe(page: Page) -> object:
    return await page.evaluate(SERIOUS)


@pytest.mark.long
async def test_a_walk_in_german(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(language="de-AT")
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await page.evaluate(script())
    await fill(stub)
    await expect(slot(page, "state", "a")).to_have_text("Lädt")
    await expect(slot(page, "size", "a")).to_have_text("280 / 666 MB")
    await expect(slot(page, "speed", "a")).to_have_text("12,3 MB/s")
    await expect(page.locator("#heading-waiting")).to_have_text("Wartend 2")
    await expect(page.locator("#count")).to_have_text("6 Aufträge")
    await shot(page, "de")
    await row(page, "d").get_by_role("button", name="missing.zip löschen").click()
    await expect(page.locator("#notice-message")).to_have_text("missing.zip: aus der Liste entfernt.")
    await page.get_by_role("button", name="Rückgängig").click()
    await row(page, "b").get_by_role("checkbox", name="archive (1).tar.gz auswählen").check()
    await expect(page.locator("#selection-count")).to_have_text("1 ausgewählt")
    await expect(page.get_by_role("button", name="1 fortsetzen")).to_be_visible()
    assert await axe(page) == []
    await page.get_by_role("button", name="Hinzufügen", exact=True).click()
    await expect(page.locator("#problems")).to_contain_text("Bitte die Adresse einer Datei eingeben")
    await shot(page, "de-selected")
    await page.get_by_role("button", name="debian-13.1.0-amd64-netinst.iso", exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text("Geschwindigkeit")
    assert await axe(page) == []
    await shot(page, "de-details")


@pytest.mark.long
async def test_a_walk_in_arabic_from_right_to_left_on_a_phone_in_the_dark(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(language="ar", width=360, scheme="dark", touch=True, live=False)
    await expect(page.locator("#phase")).to_have_text("مباشر")
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await page.evaluate(script())
    await fill(stub)
    await expect(slot(page, "size", "a")).to_have_text("280 / 666 م.بايت")
    await expect(page.locator("#count")).to_have_text("6 مهام")
    assert await page.evaluate(OUTSIDE) == []
    assert await axe(page) == []
    await shot(page, "ar")
    # A bar grows from the right, and a name from the left stays as it is within a sentence from the right.
    edges = """slot => { const { left, right } = slot.getBoundingClientRect(); return [left, right]; }"""
    bar_left, bar_right = await slot(page, "bar", "b").evaluate(edges)
    await expect(slot(page, "fill", "b")).to_have_css("transform", "matrix(0.5, 0, 0, 1, 0, 0)")
    fill_left, fill_right = await slot(page, "fill", "b").evaluate(edges)
    assert fill_right == pytest.approx(bar_right, abs=1)
    assert fill_left == pytest.approx((bar_left + bar_right) / 2, abs=1)
    await row(page, "d").get_by_role("button", name="حذف").click()
    await expect(page.locator("#notice-message")).to_have_text("\u2068missing.zip\u2069: أُزيل من القائمة.")
    await shot(page, "ar-removed")
    await page.get_by_role("button", name="تراجع").click()
    await row(page, "b").get_by_role("checkbox").focus()  # a finger would press for long
    await page.keyboard.press("Space")
    await expect(page.locator("#selection-count")).to_have_text("المحدد: 1")
    assert await page.evaluate(OUTSIDE) == []
    assert await axe(page) == []
    await shot(page, "ar-selected")
    await row(page, "a").locator(".title").click()
    await expect(page.get_by_role("dialog")).to_contain_text("السرعة12.3 م.بايت/ث")
    assert await page.evaluate(OUTSIDE) == []
    assert await axe(page) == []
    await shot(page, "ar-details")


async def test_the_choice_of_a_language_outlasts_a_reload(open_page: OpenPage) -> None:
    page = await open_page(language="zh-CN", live=False)
    await expect(page.locator("#phase")).to_have_text("实时")
    await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await page.locator("#language").select_option("العربية")
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(page.locator("#phase")).to_have_text("مباشر")
    await page.locator("#language").select_option("English")
    await expect(page.locator("#phase")).to_have_text("Live")
    await expect(page.locator("html")).to_have_attribute("dir", "ltr")
    await page.get_by_label("Language").select_option("Language of the browser")
    await expect(page.locator("#phase")).to_have_text("实时")


@pytest.mark.parametrize(("tag", "expected"), [("zh-TW", "en"), ("fr", "en"), ("en-GB", "en")])
async def test_other_languages_get_english(open_page: OpenPage, tag: str, expected: str) -> None:
    page = await open_page(language=tag)
    await expect(page.locator("html")).to_have_attribute("lang", expected)
