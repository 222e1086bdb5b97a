"""A fresh link for a download that stands still, an address that is there already, and the phase of a checksum."""

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRESH = "https://example.org/a.iso?signature=2"


def link(page: Page) -> Locator:
    return row(page).get_by_role("button", name="New link for a", exact=True)


def dialog(page: Page) -> Locator:
    return row(page).get_by_role("group", name="New link for a", exact=True)


@pytest.mark.parametrize("kind", ["error", "paused"])
async def test_a_download_that_stands_still_gets_a_fresh_link(open_page: OpenPage, stub: StubServer, kind: str) -> None:
    page = await open_page()
    await stub.send(event(1, kind, error_message="403", name="a"))
    await link(page).click()
    box = dialog(page).get_by_role("textbox")
    await expect(box).to_be_focused()
    await box.press("Enter")
    await expect(box).to_be_focused()  # nothing was entered
    await box.fill(f"  {FRESH} ")
    await box.press("Enter")
    await stub.messages(1)
    [command] = stub.received
    command_id = command.pop("command_id")
    assert command == {"action": "relink_download", "download_id": "a", "url": FRESH}
    await expect(dialog(page)).to_have_count(0)
    await expect(link(page)).to_have_attribute("aria-busy", "true")
    result = {"type": "command_result", "action": "relink_download", "download_id": "a", "command_id": command_id}
    await stub.send({**result, "status": "accepted"})
    await expect(page.get_by_role("status")).to_contain_text("The new link is recorded.")
    await expect(link(page)).to_have_attribute("aria-busy", "false")
    await expect(row(page)).to_be_visible()


async def test_a_refused_link_is_explained_in_its_row(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "paused", name="a"))
    await link(page).click()
    await dialog(page).get_by_role("textbox").fill("ftp://example.org/a")
    await dialog(page).get_by_role("button", name="Use this link").click()
    await stub.messages(1)
    result = {"type": "command_result", "action": "relink_download", "download_id": "a", "status": "rejected"}
    await stub.send({**result, "reason": "invalid_url", "message": "the URL must begin with https://"})
    await expect(slot(page, "note")).to_have_text("New link was refused: the URL must begin with https://")


async def test_a_question_for_a_link_goes_when_its_download_goes_on(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "paused", name="a"))
    await link(page).click()
    await stub.send(event(2, "resumed", name="a"))
    await expect(dialog(page)).to_have_count(0)
    await expect(link(page)).to_have_count(0)  # hidden from everyone
    await expect(row(page).get_by_role("button", name="Pause a")).to_be_focused()
    assert stub.received == []


async def test_escape_and_keep_leave_the_link_as_it_is(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "error", error_message="403", name="a"))
    await link(page).click()
    await dialog(page).get_by_role("textbox").press("Escape")
    await expect(link(page)).to_be_focused()
    await link(page).click()
    await dialog(page).get_by_role("button", name="Keep").click()
    await expect(dialog(page)).to_have_count(0)
    assert stub.received == []


async def test_an_address_that_is_there_already_is_added_again_only_the_second_time(
    open_page: OpenPage, stub: StubServer
) -> None:
    def answer(body: Any) -> tuple[int, object]:
        return (201, body) if body.get("again") else (200, {"existing": True, "state": "complete"})

    stub.answer_post = answer
    page = await open_page()
    box, problems = page.get_by_label("Add downloads"), page.locator("#problems li")
    await box.fill(FRESH)
    await box.press("Enter")
    await expect(problems).to_have_text(["it is in the list already, complete; Add once more downloads it again"])
    await expect(box).to_have_value(FRESH)
    await box.press("Enter")
    await expect(box).to_have_value("")
    await expect(problems).to_have_count(0)
    assert stub.posted == [{"url": FRESH}, {"url": FRESH, "again": True}]


async def test_the_phase_of_a_checksum_and_a_name_are_shown_as_soon_as_they_come(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(event(1, "started", url="https://example.org/download"))
    await expect(slot(page, "title")).to_have_text("download")
    await stub.send(event(2, "progress", progress=0.5, name="a.iso"))
    await expect(slot(page, "title")).to_have_text("a.iso")
    await expect(slot(page, "state")).to_have_text("Downloading")
    await stub.send(event(3, "progress", progress=0.99, phase="checksum", checked_bytes=5))
    await expect(slot(page, "state")).to_have_text("Checking")
    await stub.send(event(4, "complete", file_path="/a.iso"))
    await expect(slot(page, "state")).to_have_text("Complete")
