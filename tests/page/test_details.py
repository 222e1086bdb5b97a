"""The drawer with all that is known of one."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import command_result, event, job_event
from tests.page.conftest import OpenPage
from tests.page.rows import row
from tests.page.stub import Event, StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECORD: Event = {
    "download_id": "a",
    "url": "https://example.org/a.iso?x=1",
    "name": "a.iso",
    "state": "running",
    "attempt": 2,
    "progress": 0.25,
    "speed": 1000,
    "received_bytes": 25_000_000,
    "total_bytes": 100_000_000,
    "error_message": None,
    "file_path": None,
    "folder": "new",
    "worker": "worker-7",
    "priority": 3,
    "retries": 1,
    "retry_at": None,
    "limit_bytes_per_s": 2_000_000,
    "owner": "kim",
    "created_at": 1790000000.5,
    "updated_at": 1790000100.0,
}


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog", name="a.iso", exact=True)


def fact(page: Page, name: str) -> Locator:
    return drawer(page).locator("dt", has_text=re.compile(f"^{name}$")).locator("xpath=following-sibling::dd[1]")


async def opened(page: Page) -> Page:
    await row(page).get_by_role("button", name="a.iso", exact=True).click()
    await expect(drawer(page)).to_be_visible()
    return page


async def test_all_that_is_known_is_shown_and_goes_on(open_page: OpenPage, stub: StubServer) -> None:
    stub.records = [RECORD]
    page = await opened(await open_page())
    expected = {
        "State": "Downloading",
        "Address": "https://example.org/a.iso?x=1",
        "Size": "25.0 / 100 MB",
        "Folder": "new",
        "Attempt": "2, after 1 failed try",
        "Worker": "worker-7",
        "Limit": "2.0 MB/s",
        "Priority": "3",
        "Owner": "kim",
        "Id": "a",
    }
    for name, text in expected.items():
        await expect(fact(page, name)).to_have_text(text)
    for name in ("Added", "Last change"):
        await expect(fact(page, name)).to_contain_text("2026")
    await fact(page, "Worker").evaluate("fact => { fact.mark = true; }")
    await stub.send(event(1, "progress", progress=0.5, speed=3_000_000, received_bytes=50_000_000, attempt=2))
    await expect(fact(page, "Size")).to_have_text("50.0 / 100 MB")
    assert await fact(page, "Worker").evaluate("fact => fact.mark")

    stub.records = [{**RECORD, "state": "complete", "file_path": "/downloads/new/a.iso"}]
    await stub.send(event(2, "complete", file_path="/downloads/new/a.iso", attempt=2))
    await expect(fact(page, "Folder")).to_have_text("/downloads/new")
    await expect(fact(page, "File")).to_have_text("a.iso")
    await expect(fact(page, "Ended")).to_contain_text("2026")
    await expect(drawer(page).get_by_role("button", name="Set limit")).to_be_hidden()
    await stub.send(event(3, "deleted"))
    await expect(drawer(page)).to_be_hidden()


async def test_a_reason_is_shown_in_full(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "queued", name="a.iso", error_message="the server answered 503", attempt=1))
    await opened(page)
    await expect(fact(page, "Waits, since")).to_have_text("the server answered 503")
    await stub.send(event(2, "error", name="a.iso", error_message="no space is left", attempt=1))
    await expect(fact(page, "Reason")).to_have_text("no space is left")


async def test_it_opens_and_closes_by_the_keyboard_and_gives_the_focus_back(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(job_event(1, "started", name="a.iso", kind="render", message="first pass"))
    name = row(page).get_by_role("button", name="a.iso", exact=True)
    await name.focus()
    await page.keyboard.press("Enter")
    await expect(fact(page, "Kind")).to_have_text("render")
    await expect(fact(page, "Does")).to_have_text("first pass")
    await page.keyboard.press("Escape")
    await expect(drawer(page)).to_be_hidden()
    await expect(name).to_be_focused()
    await page.keyboard.press("Enter")
    await drawer(page).get_by_role("button", name="Close").click()
    await expect(name).to_be_focused()
    await page.keyboard.press("Enter")
    await page.mouse.click(20, 400)  # beside it
    await expect(drawer(page)).to_be_hidden()


async def test_its_speed_is_a_plot(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "progress", name="a.iso", progress=0.1, speed=8_000_000))
    await page.clock.run_for(3_000)
    await stub.send(event(2, "progress", name="a.iso", progress=0.2, speed=4_000_000))
    await expect(row(page).locator(".speed")).to_have_text("4.0 MB/s")
    await page.clock.run_for(2_000)
    await opened(page)
    caption = drawer(page).locator("figcaption")
    await expect(caption).to_have_text("In the last minute: 4.0 MB/s now, 8.0 MB/s at most")
    line = await drawer(page).locator("#details-line").get_attribute("d")
    assert line is not None
    assert line.count("L") >= 3
    await stub.send(event(3, "paused", name="a.iso"))
    await page.clock.run_for(1_000)
    await expect(caption).to_be_hidden()


async def test_its_limit_is_changed(open_page: OpenPage, stub: StubServer) -> None:
    stub.records = [RECORD]
    page = await opened(await open_page())
    limit = drawer(page).get_by_label("Limit in MB/s")
    await expect(limit).to_have_value("2")
    await limit.fill("much")
    await limit.press("Enter")
    await expect(limit).to_have_attribute("aria-invalid", "true")
    await limit.fill("0.5")
    await limit.press("Enter")
    await stub.messages(1)
    [command] = stub.received
    assert (command["action"], command["download_id"], command["bytes_per_s"]) == ("limit_download", "a", 500_000)
    stub.records = [{**RECORD, "limit_bytes_per_s": 500_000}]
    await stub.send(command_result(command, status="accepted"))
    await expect(drawer(page).get_by_role("status")).to_have_text("The limit is set.")
    await expect(fact(page, "Limit")).to_have_text("500 kB/s")
    await expect(limit).to_have_attribute("aria-invalid", "false")
    await drawer(page).get_by_role("button", name="Set limit").click()
    await stub.messages(2)
    await stub.send(command_result(stub.received[1], status="rejected", reason="unavailable", message="not now"))
    await expect(drawer(page).get_by_role("status")).to_have_text("The limit was refused: not now")
    await page.keyboard.press("Escape")
    await expect(row(page).locator(".state")).to_have_text("Downloading")


async def test_address_and_path_are_copied_and_the_file_is_offered_where_it_is_served(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await stub.send(event(1, "complete", name="a.iso", url="https://example.org/a.iso", file_path="/d/a.iso"))
    await opened(page)
    save = drawer(page).get_by_role("link", name="Save file")
    await expect(save).to_be_hidden()
    for what, text in (("Address", "https://example.org/a.iso"), ("Path", "/d/a.iso")):
        await drawer(page).get_by_role("button", name=f"Copy {what.lower()}").click()
        await expect(drawer(page).get_by_role("status")).to_have_text(f"{what} copied.")
        assert await page.evaluate("navigator.clipboard.readText()") == text
    await drawer(page).get_by_role("button", name="Close").click()
    await page.evaluate("document.documentElement.dataset.files = ''")
    await opened(page)
    await expect(save).to_have_attribute("href", "downloads/a/file")
    await drawer(page).get_by_role("button", name="Copy link").click()
    await expect(drawer(page).get_by_role("status")).to_have_text("Link copied.")
    assert await page.evaluate("navigator.clipboard.readText()") == f"{stub.url}downloads/a/file"


async def test_hostile_text_is_shown_as_text(open_page: OpenPage, stub: StubServer) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202e"
    foreign: Event = {"worker": hostile, "owner": [hostile], "retries": {}, "created_at": "x", "priority": None}
    stub.records = [{**RECORD, **foreign}]
    page = await opened(await open_page())
    await expect(fact(page, "Worker")).to_have_text("<img src=x onerror=alert(1)>\ufffd")
    await expect(drawer(page).locator("img")).to_have_count(0)
    await expect(drawer(page).locator("dt", has_text="Owner")).to_have_count(0)
