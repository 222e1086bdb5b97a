"""Thousands of rows, of which only those near the screen are elements."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import Event, StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNT = 5_000
MAX_ELEMENTS = 60


def queued(count: int) -> list[Event]:
    """Return a snapshot; the last one is on top."""
    return [event(n, "queued", f"d{n}", name=f"file {n}.bin") for n in range(1, count + 1)]


async def title_on_screen(page: Page) -> str:
    """Return the title of a row in the middle of the screen."""
    title: str = await page.evaluate(
        "document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('li').querySelector('.title').textContent"
    )
    return title


async def test_few_of_thousands_are_elements_and_each_is_found(open_page: OpenPage, stub: StubServer) -> None:
    # A connection that is lost, as when another test starts a container, brings all again and takes none away.
    stub.recovered, stub.snapshot = True, queued(COUNT)
    page = await open_page()
    await expect(page.locator("#count")).to_have_text(f"{COUNT} jobs")
    top = row(page, f"d{COUNT}")
    await expect(top).to_have_attribute("aria-posinset", "1")
    await expect(top).to_have_attribute("aria-setsize", str(COUNT))
    assert await page.locator("li.row").count() < MAX_ELEMENTS

    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await expect(row(page, "d1")).to_be_in_viewport()
    await expect(row(page, "d1")).to_have_attribute("aria-posinset", str(COUNT))
    assert await page.locator("li.row").count() < MAX_ELEMENTS
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    await expect(page.locator("li.row", has_text=re.compile("file 2[45].."))).not_to_have_count(0)
    for letters in ("4", "43", "432", "", "9", ""):
        await page.get_by_label("Search").fill(letters)
    await page.get_by_label("Search").fill("4321")
    await expect(page.locator("li.row .title")).to_have_text(["file 4321.bin"])
    await expect(page.locator("#count")).to_have_text(f"1 of {COUNT} jobs")


async def test_the_rows_on_the_screen_stay_there_while_others_come_and_go_above(
    open_page: OpenPage, stub: StubServer
) -> None:
    stub.recovered, stub.snapshot = True, queued(300)
    page = await open_page()
    await expect(page.locator("#count")).to_have_text("300 jobs")
    await page.evaluate("scrollTo(0, 8000)")
    await expect(row(page, "d300")).to_have_count(0)
    await expect(page.locator("li.row").first).to_have_attribute("aria-posinset", re.compile(r"\d\d"))
    staying = page.locator("li.row", has_text=await title_on_screen(page))
    top = await staying.evaluate("row => row.getBoundingClientRect().top")
    await stub.send(*[event(1000 + n, "started", f"new{n}") for n in range(70)])
    await stub.send(*[event(2000 + n, "deleted", f"d{n}") for n in range(280, 300)])
    await expect(page.locator("#count")).to_have_text("350 jobs")
    assert abs(await staying.evaluate("row => row.getBoundingClientRect().top") - top) <= 2


async def test_the_keyboard_goes_on_from_a_row_that_was_scrolled_away(open_page: OpenPage, stub: StubServer) -> None:
    stub.recovered, stub.snapshot = True, queued(300)
    page = await open_page()
    await expect(page.locator("#count")).to_have_text("300 jobs")
    box = row(page, "d298").get_by_role("checkbox")
    await box.focus()
    await page.evaluate("scrollTo(0, 9000)")
    await expect(row(page, "d296")).to_have_count(0)
    await expect(box).to_be_focused()
    await page.keyboard.press("Shift+ArrowDown")
    await expect(row(page, "d297").get_by_role("checkbox")).to_be_focused()
    await expect(page.locator("#selection-count")).to_have_text("2 selected")
    for _ in range(12):
        await page.keyboard.press("Shift+ArrowDown")
    await expect(page.locator("#selection-count")).to_have_text("14 selected")
    await expect(row(page, "d285").get_by_role("checkbox")).to_be_focused()
    await stub.send(event(1000, "deleted", "d285"))
    await expect(row(page, "d284").locator(":focus")).to_have_count(1)
    await page.keyboard.press("Control+a")
    await expect(page.locator("#selection-count")).to_have_text("299 selected")
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await expect(row(page, "d1")).to_have_attribute("data-selected", "")


async def test_a_question_stays_open_while_its_row_is_away(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(
        *queued(200), event(500, "progress", "big", progress=0.9, name="big", received_bytes=9, total_bytes=10)
    )
    await stub.send(event(501, "started", "big", name="big"))
    await row(page, "big").get_by_role("button", name="Cancel big").click()
    question = page.get_by_role("group", name="Cancel big?")
    await expect(question).to_be_visible()
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 9000)")
    await expect(row(page, "d195")).to_have_count(0)
    await page.evaluate("scrollTo(0, 0)")
    await expect(row(page, "d200")).to_be_visible()
    await expect(question).to_be_visible()
    await expect(slot(page, "title", "big")).to_have_text("big")
