"""What is changed about a download that waits: in its details, and of several that are selected."""

import time
from datetime import datetime
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import command_result, event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import Event, StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

# A time as a field has it.
LOCAL = """s => new Date(s * 1000 - new Date(s * 1000).getTimezoneOffset() * 60000).toISOString().slice(0, 16)"""
START = int(time.time()) // 60 * 60 + 24 * 3600


def queued(offset: int, name: str, **members: object) -> Event:
    return event(offset, "queued", name, name=name, queue_rank=offset, **members)


def record(state: str = "queued", start_at: int | None = None, priority: int = 0) -> Event:
    blank = {"download_id": "a", "name": "a", "url": "https://example.org/a", "created_at": 1790000000.5}
    return {**blank, "state": state, "start_at": start_at, "priority": priority}


def part(page: Page, name: str) -> Locator:
    return page.locator(f"#{name}")


async def opened(page: Page, stub: StubServer, one: Event, shown: Event) -> Page:
    stub.records = [shown]
    await stub.send(one)
    await slot(page, "title", "a").click()
    await expect(part(page, "details")).to_be_visible()
    return page


async def told(page: Page, text: str) -> None:
    await expect(part(page, "details-note")).to_have_text(text)


async def command(stub: StubServer, count: int) -> Any:
    """Return the message of that number, counted from 1."""
    await stub.messages(count, deadline_s=60)
    return stub.received[count - 1]


async def test_the_priority_of_one_that_waits_is_changed(open_page: OpenPage, stub: StubServer) -> None:
    page = await opened(await open_page(), stub, queued(1, "a"), record(priority=2))
    priority = page.get_by_label("Priority, from −9 to 9").and_(part(page, "priority"))
    await expect(priority).to_have_value("2")
    for wrong in ("10", "1.5", ""):
        await priority.fill(wrong)
        await priority.press("Enter")
        await expect(priority).to_have_attribute("aria-invalid", "true")
    await told(page, "Priority, from −9 to 9")
    await priority.fill("-4")
    await page.get_by_role("button", name="Set priority").click()
    sent = await command(stub, 1)
    assert (sent["action"], sent["download_id"], sent["priority"]) == ("prioritize_download", "a", -4)
    stub.records = [record(priority=-4)]
    await stub.send(queued(2, "a"), command_result(sent, status="accepted"))
    await told(page, "The priority is set.")
    await expect(part(page, "details-list")).to_contain_text("Priority-4")
    await priority.press("Enter")
    refusal = {"status": "rejected", "reason": "invalid_transition", "message": "it runs"}
    await stub.send(command_result(await command(stub, 2), **refusal))
    await told(page, "The priority was refused: it runs")
    await stub.send(queued(3, "a", error_message="503", retry_at=START))
    await expect(priority).to_be_hidden()


async def test_the_name_of_the_file_is_changed(open_page: OpenPage, stub: StubServer) -> None:
    page = await opened(await open_page(), stub, event(1, "paused", "a", name="a"), record(state="paused"))
    name = page.get_by_label("File name", exact=True)
    await expect(name).to_have_value("a")
    for wrong in ("../b", "a\\b", "..", " . ", ""):
        await name.fill(wrong)
        await name.press("Enter")
        await expect(name).to_have_attribute("aria-invalid", "true")
    await told(page, "A name has letters or digits, no slashes and at most 200 characters.")
    await name.fill(" صورة b.iso")
    await page.get_by_role("button", name="Rename").click()
    sent = await command(stub, 1)
    assert (sent["action"], sent["download_id"], sent["name"]) == ("rename_download", "a", "صورة b.iso")
    stub.records = [{**record(state="paused"), "name": "صورة b.iso"}]
    await stub.send(event(2, "paused", "a", name="صورة b.iso"), command_result(sent, status="accepted"))
    await told(page, "The name is set.")
    await expect(part(page, "details-title")).to_have_text("صورة b.iso")


async def test_one_that_waits_for_its_start_begins_now_or_at_another_time(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await opened(await open_page(), stub, queued(1, "a", start_at=START), record(start_at=START))
    start, now = page.get_by_label("Start later").and_(part(page, "start")), part(page, "start-now")
    await expect(start).to_have_value(await page.evaluate(LOCAL, START))
    await start.fill("2999-01-01T00:00")
    await start.press("Enter")
    await expect(start).to_have_attribute("aria-invalid", "true")
    await told(page, "Enter a date and a time within a year, or nothing for now.")
    await start.fill(await page.evaluate(LOCAL, START + 60))
    await page.get_by_role("button", name="Set start").click()
    sent = await command(stub, 1)
    assert sent["action"] == "schedule_download"
    assert datetime.fromisoformat(sent["start_at"]).timestamp() == START + 60
    stub.records = [record(start_at=START + 60)]
    await stub.send(queued(2, "a", start_at=START + 60), command_result(sent, status="accepted"))
    await told(page, "The start is set.")
    await now.focus()
    await page.keyboard.press("Enter")
    sent = await command(stub, 2)
    assert (sent["action"], sent["start_at"]) == ("schedule_download", None)
    stub.records = [record()]
    await stub.send(command_result(sent, status="accepted"), queued(3, "a"))
    await expect(now).to_be_hidden()
    await expect(start).to_be_focused()
    await expect(start).to_have_value("")
    await expect(part(page, "details-list")).not_to_contain_text("Starts")


@pytest.mark.parametrize(
    ("kind", "forms"),
    [
        ("paused", {"name", "limit", "start"}),
        ("started", {"limit"}),
        ("error", set()),
        ("complete", set()),
    ],
)
async def test_only_what_can_be_changed_is_offered(
    kind: str, forms: set[str], open_page: OpenPage, stub: StubServer
) -> None:
    page = await opened(await open_page(), stub, event(1, kind, "a"), record(state="paused"))
    for name in ("name", "limit", "priority", "start"):
        await expect(part(page, name)).to_be_visible(visible=name in forms)
    await expect(part(page, "start-now")).to_be_hidden()


async def test_several_get_a_priority_and_begin_now(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    late = {"start_at": START}
    await stub.send(queued(1, "a"), queued(2, "b", **late), queued(3, "c", **late), event(4, "started", "d"))
    await expect(row(page, "d")).to_be_visible()
    await row(page, "d").get_by_role("checkbox").focus()
    await page.keyboard.press("Control+a")
    await page.get_by_role("button", name="Start 2 now").click()
    sent = [await command(stub, count) for count in (1, 2)]
    assert [(one["action"], one["download_id"], one["start_at"]) for one in sent] == [
        ("schedule_download", "b", None),
        ("schedule_download", "c", None),
    ]
    await stub.send(*[command_result(one, status="accepted") for one in sent], queued(5, "b"), queued(6, "c"))
    await expect(part(page, "notice")).to_contain_text("2 may start now.")
    await expect(page.locator('#selection [data-verb="start"]')).to_be_hidden()
    priority = part(page, "selection-priority")
    await priority.fill("12")
    await priority.press("Enter")
    await expect(priority).to_have_attribute("aria-invalid", "true")
    await priority.fill("5")
    await page.get_by_role("button", name="Set priority of 3").click()
    sent = [await command(stub, count) for count in (3, 4, 5)]
    assert {(one["action"], one["download_id"], one["priority"]) for one in sent} == {
        ("prioritize_download", name, 5) for name in "abc"
    }
    await stub.send(*[command_result(one, status="accepted") for one in sent])
    await expect(part(page, "notice")).to_contain_text("priority of 3 set.")
    await stub.send(*[event(10 + n, "started", name) for n, name in enumerate("abc")])
    await expect(priority).to_be_hidden()


async def test_one_that_waits_for_its_start_has_no_place_to_be_moved_to(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(queued(1, "a"), queued(2, "b", start_at=START), queued(3, "c"))
    await expect(page.get_by_role("button", name="Move b", exact=True)).to_be_hidden()
    await page.get_by_role("button", name="Move a", exact=True).focus()
    await page.keyboard.press("Alt+ArrowDown")
    sent = await command(stub, 1)
    assert sent["position"] == {"after": "c"}
