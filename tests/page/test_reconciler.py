"""The page and the server's list: missed deletions, the order of creation, the state of silent downloads."""

import re

import pytest
from playwright.async_api import expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import Event, StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def record(download_id: str, state: str = "running", created_at: float = 1000, **members: object) -> Event:
    blank = {"url": "", "name": download_id, "attempt": 1, "progress": 0.0, "speed": 0, "received_bytes": 0}
    return {
        **blank, "download_id": download_id, "state": state, "created_at": created_at, "total_bytes": None,
        "error_message": None, "file_path": None, **members,
    }  # fmt: skip


async def test_rows_that_were_deleted_while_the_page_was_away_go_and_the_others_keep_their_elements(
    open_page: OpenPage, stub: StubServer
) -> None:
    ids = ["gone", "listed", "foreign"]
    page = await open_page()
    await stub.send(*[event(n, "started", name) for n, name in enumerate(ids, 1)])
    await expect(page.locator("li.row")).to_have_count(3)
    await page.evaluate("for (const row of document.querySelectorAll('li.row')) row.mark = true")
    stub.snapshot = [event(3, "started", "foreign")]
    stub.records = [record("listed", "complete", file_path="/x")]
    stub.cut()
    await page.get_by_role("button", name="Try now").click()
    await expect(row(page, "gone")).to_have_count(0)
    await expect(slot(page, "state", "listed")).to_have_text("Complete")
    await expect(row(page, "foreign")).to_be_visible()
    assert await page.evaluate("[...document.querySelectorAll('li.row')].every(row => row.mark)")


async def test_with_recovery_nothing_is_asked_and_nothing_goes(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started"))
    await stub.list_requests(1)
    await page.wait_for_load_state("networkidle")  # the response has come; an unfinished comparison would be repeated
    stub.recovered = True
    stub.snapshot = [event(2, "queued", "missed")]
    stub.cut()
    await page.get_by_role("button", name="Try now").click()
    await expect(row(page, "missed")).to_be_visible()
    await expect(row(page)).to_be_visible()
    assert len(stub.listings) == 1


async def test_while_the_list_can_not_be_had_rows_stay_and_it_is_asked_for_again(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "complete"))
    await stub.list_requests(1)
    stub.listing_status = 503
    stub.cut()
    await page.get_by_role("button", name="Try now").click()
    await stub.list_requests(2)
    await expect(page.locator("#phase")).to_have_text("Live")
    await expect(row(page)).to_be_visible()
    stub.listing_status = 200
    await page.clock.fast_forward(5_100)
    await stub.list_requests(3)
    await expect(row(page)).to_have_count(0)


async def test_a_recovery_goes_on_with_a_reconciliation_cut_short(open_page: OpenPage, stub: StubServer) -> None:
    stub.listing_status = 503
    stub.snapshot = [event(1, "started", "foreign"), event(2, "started")]
    page = await open_page()
    await stub.list_requests(1)
    await expect(page.locator("li.row")).to_have_count(2)
    stub.listing_status, stub.recovered, stub.snapshot = 200, True, []
    stub.records = [record("earlier", "complete", file_path="/e")]
    stub.cut()
    await page.get_by_role("button", name="Try now").click()
    await expect(row(page, "earlier")).to_be_visible()
    await expect(page.locator("li.row")).to_have_count(3)


async def test_a_server_without_a_list_is_not_asked_again_and_rows_stay(open_page: OpenPage, stub: StubServer) -> None:
    stub.listing_status = 404
    page = await open_page(clock=True)
    await stub.send(event(1, "complete"))
    await expect(row(page)).to_be_visible()
    await stub.list_requests(1)
    await page.clock.fast_forward(30_000)
    await expect(row(page)).to_be_visible()
    assert len(stub.listings) == 1


async def test_after_a_reload_rows_are_in_the_order_of_creation(open_page: OpenPage, stub: StubServer) -> None:
    # The snapshot's order is that of the newest state events: "old" was paused last.
    stub.snapshot = [event(5, "started", "new"), event(6, "started", "middle"), event(9, "paused", "old")]
    stub.records = [
        record("new", created_at=3000),
        record("middle", created_at=2000),
        record("old", "paused", created_at=1000),
        record("oldest", "error", created_at=500, error_message="it broke"),
    ]
    page = await open_page()
    await expect(page.locator("li.row .title")).to_have_text(["new", "middle", "old", "oldest"])
    await expect(slot(page, "detail", "oldest")).to_have_text("it broke")
    assert stub.listings == ["downloads?limit=500"]

    await stub.send(event(10, "queued", "live"))
    await expect(page.locator("li.row .title")).to_have_text(["new", "middle", "live", "old", "oldest"])


async def test_what_only_the_list_knows_lies_below_what_goes_on_without_a_record(
    open_page: OpenPage, stub: StubServer
) -> None:
    stub.snapshot = [event(5, "started", "foreign")]
    stub.records = [record("ended", "complete", file_path="/e")]
    page = await open_page()
    await expect(page.locator("li.row .title")).to_have_text(["foreign", "ended"])


async def test_without_a_list_rows_are_in_the_order_of_the_snapshot(open_page: OpenPage, stub: StubServer) -> None:
    stub.listing_status = 404
    stub.snapshot = [event(5, "started", "first"), event(6, "started", "second")]
    page = await open_page()
    await expect(page.locator("li.row .title")).to_have_text(["second", "first"])


async def test_the_focus_stays_where_it_is_while_rows_are_put_in_order(open_page: OpenPage, stub: StubServer) -> None:
    stub.snapshot = [event(5, "started", "new"), event(9, "paused", "old")]
    stub.listing_status = 503
    page = await open_page(clock=True)
    pause = row(page, "new").get_by_role("button", name="Pause new")  # its row is the one that moves
    await pause.focus()
    stub.records = [record("new", created_at=2), record("old", "paused", created_at=1)]
    stub.listing_status = 200
    await page.clock.fast_forward(5_100)
    await expect(page.locator("li.row .title")).to_have_text(["new", "old"])
    await expect(pause).to_be_focused()


async def test_a_deletion_that_overtakes_the_list_is_not_undone_by_it(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(live=False)
    known = await page.evaluate(
        """async () => {
          const { Downloads } = await import("./page/downloads.js");
          const downloads = new Downloads();
          downloads.startReconciliation();
          downloads.apply({ type: "download_complete", download_id: "a" }, 5);
          downloads.apply({ type: "download_deleted", download_id: "a" }, 6);
          downloads.applyRecord({ download_id: "a", state: "complete" }, 4, 7);
          downloads.applyRecord({ download_id: "b", state: "flying" }, 4, 7);
          return downloads.size;
        }"""
    )
    assert known == 0


async def test_what_was_heard_since_the_list_was_asked_for_is_newer(open_page: OpenPage) -> None:
    page = await open_page(live=False)
    states = await page.evaluate(
        """async () => {
          const { Downloads } = await import("./page/downloads.js");
          const downloads = new Downloads();
          downloads.apply({ type: "download_complete", download_id: "a" }, 5);
          downloads.apply({ type: "download_started", download_id: "b" }, 3);
          for (const download_id of ["a", "b"]) downloads.applyRecord({ download_id, state: "paused" }, 4, 7);
          return [...downloads.values()].map(({ state }) => state);
        }"""
    )
    assert states == ["complete", "paused"]


async def test_one_that_fell_silent_is_asked_about(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "progress", progress=0.5, speed=1), event(2, "progress", "b", progress=0.5, speed=1))
    await expect(page.locator("li.row")).to_have_count(2)
    stub.records = [record("a", "error", error_message="the worker died")]
    await page.clock.run_for(18_000)
    await stub.list_requests(3)
    assert sorted(stub.listings[1:]) == ["downloads/a", "downloads/b"]
    await expect(slot(page, "state")).to_have_text("Failed")
    await expect(slot(page, "detail")).to_have_text("the worker died")
    # Nobody ever recorded "b": that the list doesn't know it says nothing.
    await expect(slot(page, "detail", "b")).to_have_text("no updates for a while")
    await page.clock.run_for(20_000)
    assert len(stub.listings) == 3  # not again before a minute is over
    await expect(row(page, "b")).to_be_visible()


async def test_one_that_fell_silent_and_lost_its_record_goes(open_page: OpenPage, stub: StubServer) -> None:
    stub.records = [record("a")]
    page = await open_page(clock=True)
    await expect(row(page)).to_be_visible()
    stub.records = []
    await page.clock.run_for(18_000)
    await expect(row(page)).to_have_count(0)


async def test_a_worker_that_is_stuck_stays_silent_though_its_record_says_running(
    open_page: OpenPage, stub: StubServer
) -> None:
    stub.records = [record("a", received_bytes=7, speed=5)]
    page = await open_page(clock=True)
    await expect(slot(page, "speed")).to_have_text("5 B/s")
    await page.clock.run_for(18_000)
    await stub.list_requests(2)
    await expect(slot(page, "detail")).to_have_text("no updates for a while")
    await expect(slot(page, "speed")).to_have_text(re.compile("^$"))
