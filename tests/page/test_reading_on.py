"""Lists of the server that are longer than a page: the newest of each state first, more as one scrolls or searches."""

import re

import pytest
from playwright.async_api import expect

from tests.events import command_result, event
from tests.page.conftest import OpenPage
from tests.page.rows import SCROLLED_TO, records, row
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUEUED, ENDED = 1_203, 700


async def test_the_newest_of_each_state_are_there_and_others_come_as_one_scrolls(
    open_page: OpenPage, stub: StubServer
) -> None:
    stub.records = [
        *records("queued", QUEUED, 90_000), *records("complete", ENDED, 50_000), *records("running", 3, 10_000)
    ]  # fmt: skip
    page = await open_page()
    await expect(page.locator("li.row .title").first).to_have_text("running-0.iso")
    await expect(page.locator("h3:visible")).to_have_text(["Running 3", f"Waiting {QUEUED}", f"Ended {ENDED}"])
    await expect(page.locator("#count")).to_have_text(f"{QUEUED + ENDED + 3} jobs")
    await expect(page.locator("#active")).to_have_text(f"{QUEUED + 3} active")
    await expect(row(page, "queued0")).to_have_attribute("aria-setsize", str(QUEUED))
    assert [listing for listing in stub.listings if "cursor" in listing] == []

    await page.wait_for_function(SCROLLED_TO, arg=["#group-waiting", f"queued{QUEUED - 1}"])
    assert len([listing for listing in stub.listings if "state=queued&sort=queue&order=asc&limit=500" in listing]) == 3
    await page.get_by_label("Order").select_option("Newest first")
    await page.wait_for_function(SCROLLED_TO, arg=["#group-all", "running2"])
    assert await page.locator("li.row").count() < 60


async def test_a_search_finds_those_that_the_server_alone_knows(open_page: OpenPage, stub: StubServer) -> None:
    stub.records = records("queued", QUEUED, 90_000)
    page = await open_page()
    await expect(page.locator("#count")).to_have_text(f"{QUEUED} jobs")
    await page.get_by_label("Search").fill("iso ued-1202")
    await expect(page.locator("li.row .title")).to_have_text(["queued-1202.iso"])
    await expect(page.locator("#count")).to_have_text(f"1 of {QUEUED} jobs")
    assert any("search=ued-1202" in listing for listing in stub.listings)
    await page.get_by_label("Search").fill("nothing like it")
    await expect(page.get_by_text("Nothing matches.")).to_be_visible()


async def test_pause_all_reaches_those_too(open_page: OpenPage, stub: StubServer) -> None:
    stub.records = records("queued", 601, 90_000)
    page = await open_page()
    await page.get_by_role("button", name="Pause all").click()
    await stub.messages(10)
    await expect(page.locator("#bulk-progress")).to_have_text("Pausing 0 of 601")
    for command in list(stub.received):
        await stub.send(command_result(command, status="accepted"))
    await expect(page.locator("#bulk-progress")).to_have_text("Pausing 10 of 601")


async def test_those_that_are_cleared_are_counted_and_gone(open_page: OpenPage, stub: StubServer) -> None:
    stub.records = records("complete", ENDED, 90_000)
    page = await open_page()
    await page.get_by_role("button", name="Clear finished").click()
    await expect(page.get_by_role("group", name=f"Clear {ENDED} finished jobs? Files stay.")).to_be_visible()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await stub.messages(1)
    await stub.send(command_result(stub.received[0], status="accepted"))
    await expect(page.get_by_role("status")).to_contain_text(f"{ENDED} finished jobs cleared.")
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()


async def test_after_a_loss_as_much_is_read_as_before(open_page: OpenPage, stub: StubServer) -> None:
    stub.records = records("queued", QUEUED, 90_000)
    page = await open_page()
    await expect(row(page, "queued0")).to_be_visible()
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await expect(row(page, "queued490")).to_have_attribute("aria-posinset", "491")
    stub.records = [record for record in stub.records if record["download_id"] != "queued100"]
    before = len(stub.listings)
    stub.cut()
    await page.get_by_role("button", name="Try now").click()
    await stub.list_requests(before + 3)
    await expect(row(page, "queued490")).to_have_attribute("aria-posinset", "490")
    await expect(page.locator("#count")).to_have_text(re.compile(f"{QUEUED - 1} jobs"))
    await stub.send(event(1, "started", "queued1202", name="queued-1202.iso"))  # the server alone knew it until now
    await expect(page.locator("#count-running")).to_have_text("1")


async def test_control_a_selects_those_too_and_says_where_it_did_not(open_page: OpenPage, stub: StubServer) -> None:
    stub.records = [*records("queued", QUEUED, 90_000), *records("complete", ENDED, 50_000)]
    page = await open_page()
    await expect(page.locator("#count")).to_have_text(f"{QUEUED + ENDED} jobs")
    await page.get_by_label("Show which state").select_option("Queued")
    await row(page, "queued0").get_by_role("checkbox").focus()
    await page.keyboard.press("Control+a")
    await expect(page.locator("#selection-count")).to_have_text(f"{QUEUED} selected")
    await expect(page.locator("#selection-stop")).to_be_hidden()
    assert [listing for listing in stub.listings if "state=complete&limit=500&cursor" in listing] == []
    await page.keyboard.press("Escape")

    await page.get_by_label("Show which state").select_option("All")
    stub.answers_lists.clear()
    await row(page, "queued0").get_by_role("checkbox").focus()
    await page.keyboard.press("Control+a")
    await expect(page.locator("#selection-count")).to_have_text(f"{QUEUED + 500} selected, reading more…")
    await page.locator("#selection-stop").click()
    part = f"{QUEUED + 500} selected, not all that match"
    await expect(page.locator("#selection-count")).to_have_text(part)
    await expect(page.get_by_role("button", name="Select none")).to_be_focused()
    stub.answers_lists.set()
    await stub.list_requests(1)
    await expect(page.locator("#count-ended")).to_have_text(f"{ENDED}")
    await expect(page.locator("#selection-count")).to_have_text(part)
