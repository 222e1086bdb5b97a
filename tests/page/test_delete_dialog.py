"""Rows that go away: one by its button, all that have ended by another, and whatever others delete."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def delete(page: Page, download_id: str = "a") -> Locator:
    return row(page, download_id).get_by_role("button", name=f"Delete {download_id}", exact=True)


def dialog(page: Page, download_id: str = "a") -> Locator:
    return row(page, download_id).get_by_role("group", name=f"Delete {download_id}?", exact=True)


def pick(page: Page, words: str, download_id: str = "a") -> Locator:
    return dialog(page, download_id).get_by_role("button", name=words, exact=True)


def clear(page: Page) -> Locator:
    return page.get_by_role("button", name="Clear finished")


@pytest.mark.parametrize(("words", "file"), [("Remove from list", {}), ("Delete file too", {"file": True})])
async def test_a_row_goes_once_it_is_chosen_whether_its_file_goes_too(
    open_page: OpenPage, stub: StubServer, words: str, file: dict[str, bool]
) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", file_path="/a", name="a"), event(2, "complete", "b", file_path="/b"))
    await delete(page).click()
    await pick(page, words).click()
    await stub.messages(1)
    [command] = stub.received
    del command["command_id"]
    assert command == {"action": "delete_download", "download_id": "a", **file}
    await expect(delete(page)).to_have_attribute("aria-busy", "true")
    await expect(row(page)).to_be_visible()  # until the server says so

    await stub.send(event(3, "deleted"))
    await expect(row(page)).to_have_count(0)
    await expect(row(page, "b")).to_be_visible()
    await expect(page.get_by_role("status")).to_contain_text("a: removed.")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("complete", ["Keep", "Remove from list", "Delete file too"]),
        ("error", ["Keep", "Remove from list"]),
        ("cancelled", ["Keep", "Remove from list"]),
    ],
)
async def test_only_what_is_complete_has_a_file_to_delete(
    open_page: OpenPage, stub: StubServer, kind: str, words: list[str]
) -> None:
    page = await open_page()
    await stub.send(event(1, kind, name="a"))
    await delete(page).click()
    await expect(dialog(page).get_by_role("button")).to_have_text(words)


async def test_neither_a_double_click_nor_a_held_key_deletes(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started", name="a"))
    place = await row(page).get_by_role("button", name="Cancel a").bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    await page.mouse.click(x, y)
    await stub.messages(1)
    await stub.send(event(2, "cancelled"))
    await expect(delete(page)).to_be_visible()
    await page.mouse.move(x, y)
    await page.mouse.down(click_count=2)
    await page.mouse.up(click_count=2)
    await expect(dialog(page)).to_have_count(0)

    await delete(page).focus()
    for _ in range(6):
        await page.keyboard.down("Enter")  # again and again without up: auto-repeat
    await page.keyboard.up("Enter")
    await delete(page).dblclick()
    await expect(row(page)).to_be_visible()
    assert [command["action"] for command in stub.received] == ["cancel_download"]


async def test_the_dialog_is_left_by_escape_or_keep_and_by_opening_another(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", name="a"), event(2, "error", "b", name="b"))
    await delete(page).focus()
    await page.keyboard.press("Enter")
    await expect(pick(page, "Keep")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog(page)).to_have_count(0)
    await expect(delete(page)).to_be_focused()

    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(dialog(page)).to_have_count(0)
    await expect(delete(page)).to_be_focused()

    await delete(page).click()
    await delete(page, "b").click()
    await expect(dialog(page)).to_have_count(0)
    await expect(dialog(page, "b")).to_be_visible()
    await stub.send(event(3, "queued", "b", attempt=2))
    await expect(dialog(page, "b")).to_have_count(0)
    assert stub.received == []


async def test_the_keyboard_deletes_one_after_another_without_losing_its_place(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(*[event(n, "complete", name, name=name) for n, name in enumerate("abcd", 1)])
    await delete(page, "c").focus()
    for offset, (name, heir) in enumerate([("c", "b"), ("b", "a"), ("a", "d")], 5):
        await page.keyboard.press("Enter")
        await expect(pick(page, "Keep", name)).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await stub.messages(offset - 4)
        await stub.send(event(offset, "deleted", name))
        await expect(delete(page, heir)).to_be_focused()
    await stub.send(event(9, "deleted", "d"))
    await expect(page.get_by_role("heading", name="Downloads")).to_be_focused()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
    await expect(page.get_by_label("Search")).to_be_hidden()


async def test_a_row_that_others_delete_goes_without_moving_the_focus(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(*[event(n, "complete", name, name=name) for n, name in enumerate("abc", 1)])
    await delete(page, "c").focus()
    await stub.send(event(4, "deleted", "a"), event(5, "deleted", "unknown"))
    await expect(page.locator("li.row")).to_have_count(2)
    await expect(delete(page, "c")).to_be_focused()
    await stub.send(event(7, "queued", "a", name="once more"))
    await expect(slot(page, "title", "a")).to_have_text("once more")


async def test_a_refused_deletion_is_told_in_the_row(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "error", name="a"))
    await delete(page).click()
    await pick(page, "Remove from list").click()
    await stub.messages(1)
    refusal = {"type": "command_result", "status": "rejected", "reason": "invalid_transition", "message": "it runs"}
    await stub.send({**stub.received[0], **refusal})
    await expect(slot(page, "note")).to_have_text("Delete was refused: it runs")
    await expect(row(page)).to_be_visible()


async def test_what_the_server_has_no_record_of_still_leaves_the_page(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", name="a"))
    await delete(page).click()
    await pick(page, "Remove from list").click()
    await stub.messages(1)
    refusal = {"type": "command_result", "status": "rejected", "reason": "unknown_download", "message": "no a"}
    await stub.send({**stub.received[0], **refusal})
    await expect(row(page)).to_have_count(0)


async def test_clear_finished_asks_once_more_and_leaves_what_has_not_ended(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(event(1, "started", "r"), event(2, "paused", "p"))
    await expect(row(page, "p")).to_be_visible()
    await expect(clear(page)).to_be_hidden()
    await stub.send(event(3, "complete", "a"), event(4, "error", "b"), event(5, "cancelled", "c"))
    await clear(page).click()
    keep = page.get_by_role("button", name="Keep", exact=True)
    await expect(page.get_by_role("group", name="Clear 3 finished jobs? Files stay.")).to_be_visible()
    await expect(keep).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(clear(page)).to_be_focused()
    assert stub.received == []

    await clear(page).click()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await stub.messages(1)
    [command] = stub.received
    assert set(command) == {"action", "command_id"}
    assert command["action"] == "clear_finished"
    # "b" is retried meanwhile; there is no event of "c".
    await stub.send(event(6, "deleted", "a"), event(7, "queued", "b", attempt=2))
    accepted = {"type": "command_result", "download_id": "", "status": "accepted"}
    await stub.send({**command, **accepted})
    await expect(page.locator("li.row .title")).to_have_text(["r", "b", "p"])
    await expect(clear(page)).to_be_hidden()
    await expect(page.get_by_role("heading", name="Downloads")).to_be_focused()
    await expect(page.get_by_role("status")).to_contain_text("3 finished jobs cleared.")


async def test_clear_finished_says_when_it_is_refused(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", "a"))
    await clear(page).click()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await stub.messages(1)
    refusal = {"type": "command_result", "download_id": "", "status": "rejected", "reason": "unavailable"}
    await stub.send({**stub.received[0], **refusal})
    await expect(page.locator("#clear-note")).to_have_text("Clear finished was refused: unavailable")
    await expect(row(page)).to_be_visible()
