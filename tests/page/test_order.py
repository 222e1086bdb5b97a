"""The order of rows: those that run above those that wait above those that have ended; none moves under a hand."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import event, job_event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def titles(page: Page) -> Locator:
    return page.locator("li.row:visible .title")


def headings(page: Page) -> Locator:
    return page.locator("h3:visible")


async def test_those_that_run_are_above_those_that_wait_above_those_that_have_ended(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    kinds = ["complete", "started", "queued", "error", "progress", "paused", "cancelled"]
    await stub.send(*[event(n, kind, "abcdefg"[n], name="abcdefg"[n]) for n, kind in enumerate(kinds)])
    await stub.send(job_event(9, "started", "h", name="h"))
    await expect(titles(page)).to_have_text(list("heb" + "cf" + "gda"))
    await expect(headings(page)).to_have_text(["Running 3", "Waiting 2", "Ended 3"])
    await expect(page.get_by_role("list", name="Waiting 2").get_by_role("listitem")).to_have_count(2)

    await row(page, "b").evaluate("row => { row.mark = true; }")
    await stub.send(event(10, "complete", "b"), event(11, "resumed", "c"))
    await expect(titles(page)).to_have_text(list("hec" + "f" + "gdba"))
    assert await row(page, "b").evaluate("row => row.mark")
    await page.get_by_label("Search").fill("h")
    await expect(headings(page)).to_have_text(["Running 1"])
    await page.get_by_label("Search").fill("")
    await stub.send(event(12, "deleted", "f"))
    await expect(headings(page)).to_have_text(["Running 3", "Ended 4"])


async def test_the_order_of_creation_is_a_choice_that_a_reload_remembers(open_page: OpenPage, stub: StubServer) -> None:
    stub.snapshot = [event(1, "started", "a"), event(2, "queued", "b"), event(3, "complete", "c")]
    page = await open_page()
    await expect(titles(page)).to_have_text(["a", "b", "c"])
    await page.get_by_label("Order").select_option("Newest first")
    await expect(titles(page)).to_have_text(["c", "b", "a"])
    await expect(headings(page)).to_have_count(0)
    await stub.send(event(4, "complete", "a"), event(5, "started", "d"))
    await expect(titles(page)).to_have_text(["d", "c", "b", "a"])
    await page.reload()
    await expect(titles(page)).to_have_text(["c", "b", "a"])
    await page.get_by_label("Order").select_option("Running first")
    await expect(titles(page)).to_have_text(["a", "b", "c"])


async def test_a_group_is_folded_by_its_heading_and_stays_so(open_page: OpenPage, stub: StubServer) -> None:
    stub.snapshot = [event(1, "started", "a"), event(2, "queued", "b"), event(3, "queued", "c"), event(4, "error", "d")]
    page = await open_page(clock=True)
    waiting = page.get_by_role("button", name="Waiting 2")
    await expect(waiting).to_have_attribute("aria-expanded", "true")
    await waiting.press("Enter")
    await expect(waiting).to_have_attribute("aria-expanded", "false")
    await expect(waiting).to_be_focused()
    await expect(titles(page)).to_have_text(["a", "d"])
    await page.reload()
    await expect(titles(page)).to_have_text(["a", "d"])
    await expect(headings(page)).to_have_text(["Running 1", "Waiting 2", "Ended 1"])
    await row(page, "a").get_by_role("checkbox").focus()
    await page.keyboard.press("ArrowDown")  # past those that are folded away
    await expect(row(page, "d").get_by_role("checkbox")).to_be_focused()
    await page.keyboard.press("Control+a")
    await expect(page.locator("#selection-count")).to_have_text("4 selected")
    await stub.send(event(5, "queued", "d"))  # it leaves from under the focus
    await page.clock.run_for(11_000)
    await expect(headings(page)).to_have_text(["Running 1", "Waiting 3"])
    await expect(row(page, "a").locator(":focus")).to_have_count(1)
    await page.get_by_role("button", name="Waiting 3").click()
    await expect(titles(page)).to_have_text(list("adcb"))


async def test_while_the_pointer_is_on_a_row_none_moves(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(*[event(n, "started", name, name=name) for n, name in enumerate("abc", 1)])
    await expect(titles(page)).to_have_text(["c", "b", "a"])
    await row(page, "b").hover()
    await stub.send(event(4, "complete", "c"))
    await expect(slot(page, "state", "c")).to_have_text("Complete")
    await expect(titles(page)).to_have_text(["c", "b", "a"])
    await page.mouse.move(5, 5)
    await page.clock.run_for(100)
    await expect(titles(page)).to_have_text(["b", "a", "c"])


async def test_a_pointer_that_rests_and_a_focus_that_was_left_hold_nothing_for_long(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(clock=True)
    await stub.send(*[event(n, "started", name, name=name) for n, name in enumerate("abc", 1)])
    pause = row(page, "b").get_by_role("button", name="Pause b")
    await row(page, "b").hover()
    await pause.focus()
    await page.clock.run_for(6_000)
    await page.keyboard.press("Shift")  # still here
    await stub.send(event(4, "paused", "b"))
    await expect(slot(page, "state", "b")).to_have_text("Paused")
    await page.clock.run_for(5_000)
    await expect(titles(page)).to_have_text(["c", "b", "a"])
    await page.clock.run_for(6_000)
    await expect(titles(page)).to_have_text(["c", "a", "b"])
    await expect(row(page, "b").get_by_role("button", name="Resume b")).to_be_focused()


async def test_the_keyboard_goes_from_row_to_row_without_one_that_moves(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(*[event(n, "started", name, name=name) for n, name in enumerate("ab", 1)])
    await row(page, "b").get_by_role("button", name="Cancel b").focus()
    await stub.send(event(3, "paused", "b"))
    await expect(slot(page, "state", "b")).to_have_text("Paused")
    await page.keyboard.press("Tab")
    await page.clock.run_for(100)
    await expect(row(page, "a").locator(":focus")).to_have_count(1)
    await expect(titles(page)).to_have_text(["b", "a"])
