"""Rows that go away: one by its button, all that have ended by another, and those that others delete."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import command_result, event
from tests.page.conftest import OpenPage
from tests.page.rows import dismiss, row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def delete(page: Page, download_id: str = "a") -> Locator:
    return row(page, download_id).get_by_role("button", name=f"Delete {download_id}", exact=True)


def notice(page: Page) -> Locator:
    return page.locator("#notice")


def pick(page: Page, words: str) -> Locator:
    return notice(page).get_by_role("button", name=words, exact=True)


def clear(page: Page) -> Locator:
    return page.get_by_role("button", name="Clear finished")


async def test_a_row_goes_without_a_question_and_its_command_after_ten_seconds(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "complete", file_path="/a", name="a"), event(2, "complete", "b", file_path="/b"))
    await delete(page).click()
    await expect(row(page)).to_be_hidden()
    await expect(row(page, "b")).to_be_visible()
    await expect(page.locator("#count")).to_have_text("1 job")
    await expect(notice(page)).to_contain_text("a: removed from the list; its file stays.")
    await page.mouse.move(5, 5)
    await page.clock.run_for(3_000)
    assert stub.received == []
    await page.clock.run_for(8_000)
    await stub.messages(1)
    [command] = stub.received
    assert (command["action"], command["download_id"], "file" in command) == ("delete_download", "a", False)
    await expect(notice(page)).to_be_hidden()
    await stub.send(command_result(command, status="accepted"), event(3, "deleted"))
    await expect(row(page)).to_have_count(0)


@pytest.mark.parametrize("by_key", [False, True])
async def test_a_removal_is_undone(open_page: OpenPage, stub: StubServer, by_key: bool) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "complete", file_path="/a", name="a"))
    await delete(page).click()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
    await pick(page, "Delete file too").click()
    await expect(notice(page)).to_contain_text("a: removed, and deleted from the disk.")
    if by_key:
        await page.keyboard.press("Control+z")
    else:
        await pick(page, "Undo").click()
    await expect(row(page)).to_be_visible()
    await expect(notice(page)).to_be_hidden()
    await page.clock.run_for(30_000)
    await delete(page).click()
    await dismiss(page)
    await stub.messages(1)
    assert [(command["action"], "file" in command) for command in stub.received] == [("delete_download", False)]


async def test_its_file_goes_too_where_that_is_chosen(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", file_path="/a", name="a"), event(2, "error", "b", name="b"))
    await delete(page).click()
    await pick(page, "Delete file too").click()
    await expect(notice(page).get_by_role("button")).to_have_text(["Undo", "Dismiss"])
    await delete(page, "b").click()  # which has no file; what was removed before can't be undone any more
    await stub.messages(1)
    await expect(notice(page).get_by_role("button")).to_have_text(["Undo", "Dismiss"])
    await expect(notice(page)).to_contain_text("b: removed from the list.")
    [command] = stub.received
    del command["command_id"]
    assert command == {"action": "delete_download", "download_id": "a", "file": True}


async def test_a_notice_waits_while_a_person_is_on_it(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "complete", name="a"))
    await delete(page).click()
    await pick(page, "Undo").hover()
    await page.clock.run_for(30_000)
    await expect(notice(page)).to_be_visible()
    assert stub.received == []
    await page.mouse.move(5, 5)
    await page.clock.run_for(2_500)
    await expect(notice(page)).to_be_hidden()
    await stub.messages(1)


async def test_one_that_goes_on_meanwhile_stays(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "error", name="a"), event(2, "error", "b", name="b"))
    await delete(page).click()
    await expect(row(page)).to_be_hidden()
    await stub.send(event(3, "queued", name="a", attempt=2))  # another client retried it
    await expect(row(page)).to_be_visible()
    await dismiss(page)
    await delete(page, "b").click()
    await dismiss(page)
    await stub.messages(1)
    assert [command["download_id"] for command in stub.received] == ["b"]


async def test_neither_a_double_click_nor_a_held_key_deletes_a_second_one(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(event(1, "error", "b", name="b"), event(2, "started", name="a"))
    place = await row(page).get_by_role("button", name="Cancel a").bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    await page.mouse.click(x, y)
    await stub.messages(1)
    await stub.send(event(3, "cancelled"))
    await expect(delete(page)).to_be_visible()
    await page.mouse.move(x, y)
    await page.mouse.down(click_count=2)
    await page.mouse.up(click_count=2)
    await expect(notice(page)).to_be_hidden()

    await delete(page).focus()
    for _ in range(6):
        await page.keyboard.down("Enter")  # again and again without up: auto-repeat
    await page.keyboard.up("Enter")
    await expect(row(page)).to_be_hidden()
    await expect(row(page, "b")).to_be_visible()
    await expect(delete(page, "b")).to_be_focused()
    assert [command["action"] for command in stub.received] == ["cancel_download"]


async def test_the_keyboard_deletes_one_after_another_without_losing_its_place(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(*[event(n, "complete", name, name=name) for n, name in enumerate("abcd", 1)])
    await delete(page, "c").focus()
    for count, (name, heir) in enumerate([("c", "b"), ("b", "a"), ("a", "d")]):
        await page.keyboard.press("Enter")
        await stub.messages(count)  # those before it
        if count > 0:  # soon: after ten seconds the row would come back
            accepted = command_result(stub.received[count - 1], status="accepted")
            await stub.send(accepted, event(10 + count, "deleted", "cba"[count - 1]))
        await expect(delete(page, heir)).to_be_focused()
        await expect(notice(page)).to_contain_text(f"{name}: removed")
    await page.keyboard.press("Enter")
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


async def test_a_refused_deletion_brings_the_row_back_and_is_told_in_it(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "error", name="a"))
    await delete(page).click()
    await dismiss(page)
    await stub.messages(1)
    refusal = {"status": "rejected", "reason": "invalid_transition", "message": "it runs"}
    await stub.send(command_result(stub.received[0], **refusal))
    await expect(slot(page, "note")).to_have_text("Delete was refused: it runs")
    await expect(row(page)).to_be_visible()
    await expect(page.get_by_role("status")).to_contain_text("0 removed, 1 refused: it runs.")


async def test_without_a_connection_the_row_comes_back(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "error", name="a"))
    await delete(page).click()
    await expect(row(page)).to_be_hidden()
    stub.refuses = True
    stub.cut()
    await expect(page.locator("html")).to_have_attribute("data-connection", "lost")
    await dismiss(page)
    await expect(slot(page, "note")).to_have_text("Delete: there is no connection now. Try again when it is back.")


async def test_a_page_that_goes_away_sends_what_could_still_be_undone(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", name="a"))
    await delete(page).click()
    await expect(row(page)).to_be_hidden()
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    await stub.messages(1)


async def test_what_the_server_has_no_record_of_still_leaves_the_page(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", name="a"))
    await delete(page).click()
    await dismiss(page)
    await stub.messages(1)
    refusal = {"status": "rejected", "reason": "unknown_download", "message": "no a"}
    await stub.send(command_result(stub.received[0], **refusal))
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
    await stub.send({"type": "command_result", "download_id": "", "status": "accepted", **command})
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
