"""Rows that are selected by mouse, keyboard and touch, and the bar for all of them."""

from collections.abc import Iterable

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import event, job_event
from tests.page.conftest import OpenPage
from tests.page.gestures import long_press, middle_of, touch
from tests.page.rows import row
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def box(page: Page, download_id: str) -> Locator:
    return row(page, download_id).get_by_role("checkbox", name=f"Select {download_id}", exact=True)


def bar(page: Page) -> Locator:
    return page.locator("#selection")


async def expect_selected(page: Page, ids: Iterable[str]) -> None:
    await expect(page.locator("li.row[data-selected] .title")).to_have_text(list(ids))
    checked = await page.locator("li.row .select").evaluate_all("boxes => boxes.filter(box => box.checked).length")
    assert checked == len(list(ids))


async def with_rows(page: Page, stub: StubServer, kinds: Iterable[str]) -> None:
    """Show one row of each kind, a, b, c and so on: the last one on top where all are in one group."""
    events = [event(n, kind, "abcdefgh"[n], name="abcdefgh"[n]) for n, kind in enumerate(kinds)]
    await stub.send(*events)
    await expect(page.locator("li.row")).to_have_count(len(events))


async def test_a_box_appears_under_the_pointer_and_selects(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await with_rows(page, stub, ["queued"] * 3)
    await page.mouse.move(5, 5)
    await expect(box(page, "b")).to_have_css("opacity", "0")
    await row(page, "b").hover()
    await expect(box(page, "b")).to_have_css("opacity", "1")
    await expect(box(page, "a")).to_have_css("opacity", "0")
    await box(page, "b").click()
    await expect_selected(page, "b")
    await expect(bar(page)).to_contain_text("1 selected")
    await expect(box(page, "a")).to_have_css("opacity", "1")
    await box(page, "b").click()
    await expect_selected(page, "")
    await expect(bar(page)).to_be_hidden()


async def test_shift_selects_to_the_row_and_control_one_more(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await with_rows(page, stub, ["queued"] * 6)  # f is on top
    await box(page, "e").click()
    await box(page, "c").click(modifiers=["Shift"])
    await expect_selected(page, "edc")
    await row(page, "d").click(modifiers=["Shift"], position={"x": 300, "y": 8})
    await expect_selected(page, "ed")
    await row(page, "a").click(modifiers=["Control"], position={"x": 300, "y": 8})
    await expect_selected(page, "eda")
    await expect(page.get_by_role("status")).to_contain_text("3 selected.")
    assert await page.evaluate("getSelection().toString()") == ""
    await row(page, "f").click(position={"x": 300, "y": 8})  # a click alone reads, and selects nothing
    await expect_selected(page, "eda")
    await page.get_by_role("button", name="Select none").click()
    await expect_selected(page, "")
    await expect(page.get_by_role("heading", name="Downloads")).to_be_focused()


async def test_the_keyboard_selects(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await with_rows(page, stub, ["queued"] * 5)  # e is on top
    await box(page, "d").focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Shift+ArrowDown")
    await page.keyboard.press("Shift+ArrowDown")
    await expect_selected(page, "dcb")
    await page.keyboard.press("Shift+ArrowUp")
    await expect_selected(page, "dc")
    await expect(box(page, "c")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")  # there is none above
    await expect(box(page, "e")).to_be_focused()
    await expect_selected(page, "dc")
    await page.keyboard.press("Control+a")
    await expect_selected(page, "edcba")
    await page.keyboard.press("Enter")
    await expect(bar(page).get_by_role("button", name="Pause 5")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect_selected(page, "")
    await page.get_by_label("Search").fill("a")
    await page.keyboard.press("Control+a")  # selects the letter
    await expect(bar(page)).to_be_hidden()


async def test_a_long_press_selects_and_then_a_tap_does(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(touch=True, width=390, clock=True)
    await with_rows(page, stub, ["queued"] * 3)
    await long_press(page, row(page, "b").locator(".title"), lambda: page.clock.run_for(600))
    await expect_selected(page, "b")
    await row(page, "c").locator(".title").tap()
    await expect_selected(page, "cb")
    await row(page, "b").locator(".title").tap()
    await row(page, "c").locator(".title").tap()
    await expect_selected(page, "")
    await row(page, "c").locator(".title").tap()
    await expect(page.get_by_role("dialog")).to_be_visible()  # as without a selection
    await page.keyboard.press("Escape")

    session = await page.context.new_cdp_session(page)
    start = await middle_of(row(page, "a").locator(".title"))
    await touch(session, "touchStart", [start])
    await touch(session, "touchMove", [{"x": start["x"], "y": start["y"] - 40}])  # a scroll
    await page.clock.run_for(600)
    await touch(session, "touchEnd", [])
    await expect_selected(page, "")


async def test_only_rows_that_are_shown_are_selected(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await with_rows(page, stub, ["queued", "queued", "started", "started"])
    await box(page, "d").click()
    await page.keyboard.press("Control+a")
    await expect(bar(page)).to_contain_text("4 selected")
    await page.get_by_label("Show which state").select_option("Queued")
    await expect(bar(page)).to_contain_text("2 selected")
    await stub.send(event(10, "started", "a"), event(11, "deleted", "b"))
    await expect(bar(page)).to_be_hidden()
    await page.get_by_label("Show which state").select_option("All")
    await expect(page.locator("li.row:visible")).to_have_count(3)
    await expect_selected(page, "")


async def test_the_bar_offers_what_makes_sense_and_counts_it(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await with_rows(page, stub, ["queued", "started", "paused", "complete", "error", "cancelled"])
    await stub.send(job_event(9, "started", "h", name="h"))
    await box(page, "h").click()
    await expect(bar(page).get_by_role("button")).to_have_text(["Cancel 1", "Select none"])
    await page.keyboard.press("Control+a")
    await expect(bar(page).get_by_role("button")).to_have_text(
        ["Pause 2", "Resume 1", "Retry 2", "Set priority of 1", "Cancel 4", "Delete 3", "Select none"]
    )
    await bar(page).get_by_role("button", name="Resume 1").focus()
    await stub.send(event(10, "resumed", "c"))
    await expect(bar(page).get_by_role("button")).to_have_text(
        ["Pause 3", "Retry 2", "Set priority of 1", "Cancel 4", "Delete 3", "Select none"]
    )
    await expect(page.get_by_role("button", name="Select none")).to_be_focused()
