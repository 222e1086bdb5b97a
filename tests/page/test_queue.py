"""Waiting downloads on the page: as workers claim them, and moved by mouse, finger and keyboard."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.events import command_result, event
from tests.page.conftest import OpenPage
from tests.page.gestures import touch
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

BASE = 1_790_000_000_000.0
ORDER = "Array.from(document.querySelectorAll('#rows-waiting > .row'), ({ dataset }) => dataset.id).join(' ')"


def queued(number: int, name: str, rank: float, **members: object) -> dict[str, object]:
    ranked = {"priority": 0, "queue_rank": BASE + rank, "progress": 0.0, "speed": 0}
    return event(number, "queued", name, **{"name": name, "attempt": 1, **ranked, **members})


async def show(stub: StubServer, names: str = "abcdef") -> None:
    await stub.send(*[queued(number + 1, name, number) for number, name in enumerate(names)])


async def until_order(page: Page, order: str) -> None:
    await page.wait_for_function(f"order => {ORDER} === order", arg=" ".join(order))


async def answered(stub: StubServer, count: int, **refusal: str) -> Any:
    """Accept the message of that number, counted from 1, and return it."""
    await stub.messages(count, deadline_s=60)
    command = stub.received[count - 1]
    await stub.send(command_result(command, **{"status": "accepted", **refusal}))
    return command


def handle(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=f"Move {name}", exact=True)


async def drag(page: Page, name: str, other: str, part: float) -> None:
    """Drag the handle of a row to a part of the height of another one."""
    start = await handle(page, name).bounding_box()
    target = await page.locator(f'[data-id="{other}"]').bounding_box()
    assert start and target
    await page.mouse.move(start["x"] + 10, start["y"] + 10)
    await page.mouse.down()
    await page.mouse.move(start["x"] + 12, start["y"] + 30)
    await page.mouse.move(start["x"] + 12, target["y"] + target["height"] * part)
    await page.mouse.up()


async def test_those_that_wait_stand_as_workers_claim_them(stub: StubServer, open_page: OpenPage) -> None:
    page = await open_page()
    high = {"queue_rank": BASE - 1e13, "priority": 1}
    await stub.send(queued(1, "b", 5), queued(2, "a", 5), queued(3, "c", 2.5), queued(4, "d", 9, **high))
    await until_order(page, "dcab")
    await stub.send(queued(5, "b", 1))
    await until_order(page, "dbca")
    await page.select_option("#order", "creation")
    await expect(handle(page, "a")).to_be_hidden()


@pytest.mark.parametrize("language", ["en-US", "ar"])
async def test_a_row_is_dragged_by_its_handle(language: str, stub: StubServer, open_page: OpenPage) -> None:
    page = await open_page(live=language == "en-US", language=language)
    await stub.connections(1, deadline_s=60)
    await show(stub)
    await until_order(page, "abcdef")
    start = page.locator('[data-id="e"] [data-slot="handle"]')
    box, target = await start.bounding_box(), await page.locator('[data-id="b"]').bounding_box()
    assert box and target
    await page.mouse.move(box["x"] + 10, box["y"] + 10)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 10, target["y"] + 5)
    await expect(page.locator('[data-id="b"]')).to_have_attribute("data-drop", "before")
    await page.mouse.up()
    command = await answered(stub, 1)
    assert (command["action"], command["download_id"], command["position"]) == ("move_download", "e", {"before": "b"})
    await stub.send(queued(20, "e", 0.5))
    await until_order(page, "aebcdf")
    if language == "en-US":
        await expect(page.locator("#announcer")).to_contain_text("e: moved before b.")


async def test_escape_ends_a_drag_and_a_refusal_is_told(stub: StubServer, open_page: OpenPage) -> None:
    page = await open_page()
    await show(stub, "abc")
    await until_order(page, "abc")
    box = await handle(page, "a").bounding_box()
    assert box
    await page.mouse.move(box["x"] + 10, box["y"] + 10)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 10, box["y"] + 120)
    await expect(page.locator("[data-drop]")).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-drop], [data-dragged]")).to_have_count(0)
    await page.mouse.up()
    assert stub.received == []
    await drag(page, "a", "c", 0.9)
    refusal = {"status": "rejected", "reason": "not_waiting", "message": "there is no download c that waits"}
    assert (await answered(stub, 1, **refusal))["position"] == {"after": "c"}
    await expect(page.locator("#announcer")).to_contain_text("Not moved: there is no download c that waits")
    await expect(page.locator('[data-id="a"] .note')).to_contain_text("Move was refused: there is no download c")


async def test_rows_are_moved_by_the_keyboard_and_keep_the_focus(stub: StubServer, open_page: OpenPage) -> None:
    page = await open_page()
    await show(stub, "abcd")
    await until_order(page, "abcd")
    await page.locator('[data-id="b"]').focus()
    await page.keyboard.press("Alt+ArrowDown")
    assert (await answered(stub, 1))["position"] == {"after": "c"}
    await stub.send(queued(20, "b", 2.5))
    await until_order(page, "acbd")
    await expect(page.locator('[data-id="b"]')).to_be_focused()
    await expect(page.locator("#announcer")).to_contain_text("b: moved behind c.")
    await handle(page, "b").focus()
    await page.keyboard.press("ArrowUp")
    assert (await answered(stub, 2))["position"] == {"before": "c"}
    await stub.send(queued(21, "b", 1))
    await until_order(page, "abcd")
    await expect(handle(page, "b")).to_be_focused()
    await expect(page.locator("#announcer")).to_contain_text("b: moved before c.")
    await page.keyboard.press("Shift+Alt+ArrowDown")
    assert (await answered(stub, 3))["position"] == "last"
    await expect(page.locator("#announcer")).to_contain_text("b: moved to the end of the queue.")


async def test_selected_rows_are_moved_together_in_their_order(stub: StubServer, open_page: OpenPage) -> None:
    page = await open_page()
    await show(stub)
    await until_order(page, "abcdef")
    for name in "dbe":
        await page.locator(f'[data-id="{name}"] .select').check()
    await drag(page, "d", "a", 0.1)
    moves = [await answered(stub, number) for number in (1, 2, 3)]
    assert [(move["download_id"], move["position"]) for move in moves] == [
        ("b", {"before": "a"}),
        ("d", {"after": "b"}),
        ("e", {"after": "d"}),
    ]
    await expect(page.locator("#announcer")).to_contain_text("3 moved in the queue.")


async def test_a_drag_near_the_end_of_the_screen_scrolls_the_list(stub: StubServer, open_page: OpenPage) -> None:
    page = await open_page()
    await stub.send(*[queued(number + 1, f"d{number:03}", number) for number in range(200)])
    await expect(page.locator("#count-waiting")).to_have_text("200")
    box = await handle(page, "d001").bounding_box()
    assert box
    await page.mouse.move(box["x"] + 10, box["y"] + 10)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 10, 790)
    await page.wait_for_function("() => document.querySelector('[data-drop]')?.dataset.id > 'd120'")
    await expect(page.locator('[data-id="d001"][data-dragged]')).to_have_count(1)
    await page.mouse.move(box["x"] + 10, 400)
    await page.mouse.up()
    command = await answered(stub, 1)
    assert command["download_id"] == "d001"
    assert command["position"]["before"] > "d100"


async def test_a_finger_drags_a_row_by_its_handle_on_a_phone(stub: StubServer, open_page: OpenPage) -> None:
    page = await open_page(width=390, touch=True)
    await show(stub)
    await until_order(page, "abcdef")
    start = await handle(page, "a").bounding_box()
    target = await page.locator('[data-id="b"]').bounding_box()
    assert start and target
    assert start["width"] >= 44 and start["x"] + start["width"] <= 390
    session = await page.context.new_cdp_session(page)
    x, y = start["x"] + 20, start["y"] + 20
    await touch(session, "touchStart", [{"x": x, "y": y}])
    for step in range(1, 6):
        height = (target["y"] + target["height"] * 0.9 - y) * step / 5
        await touch(session, "touchMove", [{"x": x, "y": y + height}])
    await expect(page.locator('[data-id="c"]')).to_have_attribute("data-drop", "before")
    await touch(session, "touchEnd", [])
    assert (await answered(stub, 1))["position"] == {"before": "c"}
    assert await page.evaluate("scrollY") == 0
