"""The page for everyone: screen readers, phones, dark rooms, restless eyes."""

import re

import pytest
from playwright.async_api import expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import EVERY_STATE, row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_bar_tells_its_value_but_not_with_every_event(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "progress", progress=0.25, speed=1, name="n"))
    bar = page.get_by_role("progressbar", name="Progress of n")
    await expect(bar).to_have_attribute("aria-valuenow", "25")
    await stub.send(event(2, "progress", progress=0.5, speed=1))
    await expect(slot(page, "percent")).to_have_text("50 %")
    await expect(bar).to_have_attribute("aria-valuenow", "25")
    await page.clock.fast_forward(5_100)
    await expect(bar).to_have_attribute("aria-valuenow", "50")
    await stub.send(event(3, "progress", progress=0.75, speed=1), event(4, "paused"))
    await expect(bar).to_have_attribute("aria-valuenow", "75")


async def test_connection_and_ends_are_spoken_and_progress_is_not(open_page: OpenPage, stub: StubServer) -> None:
    stub.snapshot = [event(1, "complete", "old", name="ended before", file_path="/o")]
    page = await open_page()
    spoken = page.get_by_role("status")
    await expect(spoken).to_have_text("Connected.")
    await page.evaluate(
        """() => { window.announcements = []; const region = document.querySelector("[role=status]");
        new MutationObserver(() => announcements.push(region.textContent)).observe(region, { childList: true }); }"""
    )
    await stub.send(*[event(n, "progress", progress=n / 100, speed=n, name="n") for n in range(2, 60)])
    await expect(slot(page, "percent")).to_have_text("59 %")
    await stub.send(event(60, "complete", file_path="/n"))
    await expect(spoken).to_have_text("n: complete.")
    stub.cut()
    await expect(spoken).to_have_text("No connection. The page keeps trying.")
    await page.get_by_role("button", name="Try now").click()
    await expect(spoken).to_have_text("Connected again.")
    assert await page.evaluate("announcements") == [
        "n: complete.", "No connection. The page keeps trying.", "Connected again."
    ]  # fmt: skip


async def test_a_hundred_ends_at_once_are_one_sentence(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await expect(page.get_by_role("status")).to_have_text("Connected.")
    await stub.send(*[event(n, "started", f"d{n}") for n in range(100)])
    await stub.send(*[event(100 + n, "error" if n < 2 else "complete", f"d{n}") for n in range(100)])
    await expect(page.get_by_role("status")).to_have_text("98 jobs complete. d0: failed. d1: failed.")


async def test_nothing_is_wider_than_a_small_window(open_page: OpenPage, stub: StubServer) -> None:
    width = 320
    stub.snapshot = EVERY_STATE
    stub.answer_post = lambda _: (422, {"detail": "y" * 400})
    page = await open_page(width=width)
    await expect(page.locator("li.row")).to_have_count(6)
    await page.get_by_label("Add downloads").fill("https://example.org/" + "z" * 400)
    await page.locator("#add-button").click()
    await expect(page.locator("#problems li")).to_have_count(1)
    await row(page, "c").get_by_role("checkbox").check()
    await row(page, "b").get_by_role("button", name="Cancel").click()
    await row(page, "d").get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Clear finished").click()
    stub.refuses = True
    stub.cut()
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    for download in await page.locator("li.row:visible").all():
        await download.scroll_into_view_if_needed()
    assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_light_and_dark_follow_the_system(open_page: OpenPage) -> None:
    light = await (await open_page(scheme="light")).evaluate("getComputedStyle(document.body).backgroundColor")
    dark = await (await open_page(scheme="dark")).evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light, dark) == ("rgb(244, 245, 247)", "rgb(16, 19, 22)")


async def test_nothing_moves_for_who_asked_for_stillness(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(scheme="still")
    await stub.send(event(1, "started", total_bytes=None))
    await expect(slot(page, "bar")).to_have_class("bar unknown")
    assert await page.evaluate("document.getAnimations().length") == 0


async def test_an_empty_page_says_how_to_begin(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await expect(page.get_by_text("Paste an address here")).to_be_visible()
    await expect(page.get_by_text("simulcast demo")).to_be_visible()
    await expect(page.locator("#active")).to_have_text("0 active")
    await stub.send(event(1, "queued"))
    await expect(row(page)).to_be_visible()
    await expect(page.get_by_text("Paste an address here")).to_be_hidden()
