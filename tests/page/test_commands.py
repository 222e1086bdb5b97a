"""The buttons of a row, and what becomes of what they ask."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import command_result, event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def button(page: Page, verb: str) -> Locator:
    return row(page).get_by_role("button", name=f"{verb} n", exact=True)


@pytest.mark.parametrize(
    ("kind", "verbs"),
    [
        ("queued", ["Pause n", "Cancel n"]),
        ("started", ["Pause n", "Cancel n"]),
        ("paused", ["New link for n", "Resume n", "Cancel n"]),
        ("complete", ["Delete n"]),
        ("error", ["New link for n", "Retry n", "Delete n"]),
        ("cancelled", ["Retry n", "Delete n"]),
    ],
)
async def test_each_state_offers_what_is_possible_in_it(
    open_page: OpenPage, stub: StubServer, kind: str, verbs: list[str]
) -> None:
    page = await open_page()
    await stub.send(event(1, kind, name="n"))
    await expect(row(page)).to_be_visible()
    shown = await row(page).locator("button:visible:not(.title)").all()
    assert [await one.get_attribute("aria-label") for one in shown] == verbs


@pytest.mark.parametrize(
    ("kind", "verb", "action"),
    [
        ("started", "Pause", "pause_download"),
        ("paused", "Resume", "resume_download"),
        ("started", "Cancel", "cancel_download"),
        ("error", "Retry", "retry_download"),
    ],
)
async def test_a_button_sends_its_command(
    open_page: OpenPage, stub: StubServer, kind: str, verb: str, action: str
) -> None:
    page = await open_page()
    await stub.send(event(1, kind, name="n"))
    await button(page, verb).click()
    await stub.messages(1)
    [command] = stub.received
    assert (command["action"], command["download_id"]) == (action, "a")
    assert 0 < len(command["command_id"]) <= 100
    await expect(button(page, verb)).to_have_attribute("aria-busy", "true")


async def test_a_refusal_is_told_in_words_until_the_state_changes(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started", name="n"))
    await button(page, "Pause").click()
    await stub.messages(1)
    words = "can't pause download <b>a</b>"
    await stub.send(command_result(stub.received[0], status="rejected", reason="invalid_transition", message=words))
    await expect(slot(page, "note")).to_have_text(f"Pause was refused: {words}")
    await expect(page.get_by_role("status")).to_contain_text(f"Pause was refused: {words}")
    await expect(button(page, "Pause")).to_have_attribute("aria-busy", "false")

    await stub.send(event(2, "paused"))
    await expect(slot(page, "note")).to_be_hidden()
    await expect(button(page, "Resume")).to_be_visible()


async def test_an_answer_to_a_question_that_was_not_asked_here_is_ignored(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(event(1, "started", name="n"))
    refusal = {"status": "rejected", "reason": "unavailable", "message": "forged"}
    await stub.send(command_result({"action": "pause_download", "download_id": "a"}, **refusal))
    await button(page, "Pause").click()
    await stub.messages(1)
    await stub.send(
        command_result({**stub.received[0], "command_id": "of-another"}, **refusal),
        command_result({**stub.received[0], "action": "cancel_download"}, **refusal),
        event(2, "progress", progress=0.5, speed=1),
    )
    await expect(slot(page, "percent")).to_have_text("50 %")
    await expect(slot(page, "note")).to_be_hidden()


async def test_without_a_connection_a_button_says_so(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started", name="n"))
    await expect(button(page, "Cancel")).to_be_visible()
    stub.refuses = True
    stub.cut()
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    await button(page, "Cancel").click()
    await expect(slot(page, "note")).to_have_text("Cancel: there is no connection now. Try again when it is back.")


async def test_an_answer_that_never_comes_is_not_waited_for_forever(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "started", name="n"))
    await button(page, "Pause").click()
    await stub.messages(1)
    await page.clock.fast_forward(10_600)
    await expect(slot(page, "note")).to_have_text("Pause: nothing has happened for 10 s. You may try again.")
    await expect(button(page, "Pause")).to_have_attribute("aria-busy", "false")


async def test_the_keyboard_keeps_its_place_while_buttons_change_and_go(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started", name="n"))
    await button(page, "Pause").focus()
    await page.keyboard.press("Enter")
    await stub.messages(1)
    await stub.send(event(2, "paused"))
    await expect(button(page, "Resume")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(button(page, "Cancel")).to_be_focused()
    await stub.send(event(3, "cancelled"))
    await expect(button(page, "Retry")).to_be_focused()
    await stub.send(event(4, "complete", file_path="/n"))
    await expect(row(page)).to_be_focused()


async def test_a_second_click_on_cancel_does_not_meet_retry(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started", name="n"))
    place = await button(page, "Cancel").bounding_box()
    assert place is not None
    await stub.send(event(2, "cancelled"))
    await expect(button(page, "Retry")).to_be_visible()
    await page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    await button(page, "Retry").click()
    await stub.messages(1)
    assert [command["action"] for command in stub.received] == ["retry_download"]
