"""One press for many: a command for each, a few at a time, and one sentence about all."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import command_result, event, job_event
from tests.page.conftest import OpenPage
from tests.page.rows import dismiss, row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX_IN_FLIGHT = 10


def press(page: Page, words: str) -> Locator:
    return page.locator("#selection").get_by_role("button", name=words, exact=True)


async def select_all(page: Page, count: int) -> None:
    await expect(page.locator("#count")).to_have_text(f"{count} jobs")
    await page.locator("li.row .select").first.focus()
    await page.keyboard.press("Control+a")


async def test_a_few_commands_are_under_way_and_the_sum_is_told(open_page: OpenPage, stub: StubServer) -> None:
    count, refused = 23, 20
    page = await open_page()
    await stub.send(*[event(n, "started", f"d{n}") for n in range(count)])
    await select_all(page, count)
    await press(page, f"Pause {count}").click()
    await stub.messages(MAX_IN_FLIGHT)
    await expect(page.locator("#bulk-progress")).to_have_text(f"Pausing 0 of {count}")
    assert len(stub.received) == MAX_IN_FLIGHT
    for n in range(count):
        await stub.messages(n + 1)
        command = stub.received[n]
        if n == refused:
            refusal = {"status": "rejected", "reason": "invalid_transition", "message": "it is finishing"}
            await stub.send(command_result(command, **refusal))
            continue
        changed = event(100 + n, "paused", command["download_id"])
        result = command_result(command, status="accepted")
        await stub.send(*([changed, result] if n % 2 else [result, changed]))  # they come in any order
    summary = f"{count - 1} paused, 1 refused: it is finishing."
    await expect(page.locator("#notice")).to_contain_text(summary)
    await expect(page.get_by_role("status")).to_contain_text(summary)
    await expect(page.locator("#bulk-progress")).to_have_text("")
    assert {command["action"] for command in stub.received} == {"pause_download"}
    assert len({command["download_id"] for command in stub.received}) == count
    await expect(slot(page, "note", stub.received[refused]["download_id"])).to_have_text(
        "Pause was refused: it is finishing"
    )
    await expect(page.locator("#selection-count")).to_have_text(f"{count} selected")


async def test_it_is_stopped_and_says_how_many_are_left(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(*[event(n, "complete", f"d{n}") for n in range(25)])
    await select_all(page, 25)
    await press(page, "Delete 25").click()
    await dismiss(page)
    await stub.messages(MAX_IN_FLIGHT)
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("#count")).to_have_text("15 jobs")
    for command in list(stub.received):
        await stub.send(command_result(command, status="accepted"), event(100, "deleted", command["download_id"]))
    await expect(page.locator("#notice")).to_contain_text("10 removed, 15 left as they were.")
    await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    assert len(stub.received) == MAX_IN_FLIGHT


async def test_one_that_has_ended_before_its_turn_is_skipped(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(*[event(n, "queued", f"d{n}") for n in range(12)])
    await select_all(page, 12)
    await press(page, "Pause 12").click()
    await stub.messages(MAX_IN_FLIGHT)
    waiting = {f"d{n}" for n in range(12)} - {command["download_id"] for command in stub.received}
    await stub.send(*[event(100, "complete", name) for name in waiting])
    for name in waiting:
        await expect(slot(page, "state", name)).to_have_text("Complete")
    for command in list(stub.received):
        await stub.send(command_result(command, status="accepted"))
    await expect(page.locator("#notice")).to_contain_text("10 paused, 2 skipped.")
    assert len(stub.received) == MAX_IN_FLIGHT


async def test_what_waits_is_paused_before_what_runs(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    kinds = {"a": "started", "b": "queued", "c": "started", "d": "queued"}
    await stub.send(*[event(n, kind, name) for n, (name, kind) in enumerate(kinds.items(), 1)])
    await page.get_by_role("button", name="Pause all").click()
    await stub.messages(4)
    assert [command["download_id"] for command in stub.received] == ["b", "d", "a", "c"]


async def test_all_are_resumed_oldest_first(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    resume = page.get_by_role("button", name="Resume all")
    await stub.send(event(1, "paused", "a"), event(2, "complete", "b"), event(3, "paused", "c"))
    await expect(page.get_by_role("button", name="Pause all")).to_be_disabled()
    await resume.click()
    await stub.messages(2)
    assert [(command["action"], command["download_id"]) for command in stub.received] == [
        ("resume_download", "a"),
        ("resume_download", "c"),
    ]
    await stub.send(event(4, "resumed", "a"), event(5, "resumed", "c"))
    await expect(resume).to_be_disabled()


async def test_a_lost_connection_ends_it_with_one_sentence(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(*[event(n, "queued", f"d{n}") for n in range(30)])
    await select_all(page, 30)
    await press(page, "Pause 30").click()
    await stub.messages(MAX_IN_FLIGHT)
    stub.refuses = True
    stub.cut()
    await expect(page.locator("#notice")).to_contain_text("0 paused, 30 refused: the connection was lost before")
    await expect(page.locator("li.row").filter(has_not=page.locator(".note:visible"))).to_have_count(0)


async def test_jobs_and_downloads_are_cancelled_together_and_much_that_is_lost_asks(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    much = {"progress": 0.9, "received_bytes": 900_000_000, "total_bytes": 1_000_000_000}
    await stub.send(event(1, "started", "a", **much), event(2, "queued", "b"), job_event(3, "started", "j"))
    await select_all(page, 3)
    await press(page, "Cancel 3").click()
    question = page.get_by_role("group", name="Cancel 3? 900 MB will be thrown away.")
    await expect(question.get_by_role("button", name="Keep")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(question).to_be_hidden()
    await expect(press(page, "Pause 2")).to_be_focused()
    assert stub.received == []
    await press(page, "Cancel 3").click()
    await question.get_by_role("button", name="Cancel them").click()
    await stub.messages(3)
    assert [command["action"] for command in stub.received] == ["cancel_download", "cancel_download", "cancel_job"]


async def test_many_are_removed_and_that_is_undone(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(
        event(1, "complete", "a", file_path="/a"), event(2, "complete", "b", file_path="/b"), event(3, "error", "c")
    )
    await stub.send(event(4, "started", "d"), job_event(5, "complete", "j"))
    await select_all(page, 5)
    await page.keyboard.press("Delete")
    notice = page.locator("#notice")
    await expect(notice).to_contain_text("4 jobs: removed from the list; files stay.")
    await expect(page.locator("li.row:visible")).to_have_count(1)
    await expect(page.locator("#selection-count")).to_have_text("1 selected")
    await notice.get_by_role("button", name="Delete 2 files too").click()
    await notice.get_by_role("button", name="Undo").click()
    await expect(page.locator("li.row:visible")).to_have_count(5)
    assert stub.received == []

    await row(page, "a").locator(".select").focus()
    await page.keyboard.press("Control+a")
    await press(page, "Delete 4").click()
    await notice.get_by_role("button", name="Delete 2 files too").click()
    await dismiss(page)
    await stub.messages(4)
    deleted = {command.get("download_id") or command["job_id"]: command.get("file") for command in stub.received}
    assert deleted == {"a": True, "b": True, "c": None, "j": None}


@pytest.mark.parametrize(
    ("kind", "members", "asks"),
    [
        ("started", {"progress": 0.99, "received_bytes": 99, "total_bytes": 100}, "99 B of it will be thrown away."),
        ("started", {"progress": 0.0, "received_bytes": 3 * 10**9}, "3.0 GB of it will be thrown away."),
        ("paused", {"received_bytes": 60, "total_bytes": 100}, "60 B of it will be thrown away."),
        ("started", {"progress": 0.1, "received_bytes": 10**7, "total_bytes": 10**8}, None),
        ("queued", {}, None),
    ],
)
async def test_a_cancellation_asks_where_it_throws_much_away(
    open_page: OpenPage, stub: StubServer, kind: str, members: dict[str, object], asks: str | None
) -> None:
    page = await open_page()
    await stub.send(event(1, kind, name="n", **members))
    cancel = row(page).get_by_role("button", name="Cancel n")
    await cancel.click()
    if asks is not None:
        question = row(page).get_by_role("group", name="Cancel n?")
        await expect(question).to_contain_text(asks)
        await expect(question.get_by_role("button", name="Keep")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(cancel).to_be_focused()
        assert stub.received == []
        await cancel.click()
        await question.get_by_role("button", name="Cancel it").click()
    await stub.messages(1)
    assert stub.received[0]["action"] == "cancel_download"
    await expect(cancel).to_have_attribute("aria-busy", "true")


async def test_a_question_goes_where_the_download_has_ended_meanwhile(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started", name="n", progress=0.9, received_bytes=9, total_bytes=10))
    await row(page).get_by_role("button", name="Cancel n").click()
    question = row(page).get_by_role("group", name="Cancel n?")
    await expect(question).to_be_visible()
    await stub.send(event(2, "complete", file_path="/n"))
    await expect(slot(page, "state")).to_have_text("Complete")
    await expect(question).to_have_count(0)
    await expect(row(page).get_by_role("button", name=re.compile("Delete"))).not_to_be_focused()
