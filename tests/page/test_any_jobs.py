"""Jobs of any kind beside downloads, and what a row offers where the server has no record of it."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import command_result, event, job_event, unowned
from tests.page.conftest import OpenPage
from tests.page.rows import dismiss, row, slot
from tests.page.stub import Event, StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ABOUT: Event = {"name": "Holiday.mp4", "kind": "render"}


def job_record(job_id: str = "a", state: str = "running", **members: object) -> Event:
    blank = {"kind": "render", "name": job_id, "attempt": 1, "progress": 0.0, "done": None, "total": None, "unit": None}
    about = {"message": None, "result": None, "error_message": None, "cancel_requested": False, "created_at": 1000}
    return {**blank, **about, "job_id": job_id, "state": state, **members}


def buttons(page: Page) -> Locator:
    return row(page).locator("button:visible:not(.title)")


async def verbs(page: Page) -> list[str | None]:
    return [await button.get_attribute("aria-label") for button in await buttons(page).all()]


async def test_one_row_follows_a_job_from_the_queue_to_its_end(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(job_event(1, "queued", **ABOUT, progress=0.0))
    await expect(slot(page, "title")).to_have_text("Holiday.mp4")
    await expect(slot(page, "state")).to_have_text("Queued")
    await expect(slot(page, "detail")).to_have_text("render")
    assert await verbs(page) == ["Cancel Holiday.mp4"]

    await stub.send(job_event(2, "started", **ABOUT, progress=0.0))
    await expect(slot(page, "state")).to_have_text("Running")
    await expect(slot(page, "bar")).to_have_class(re.compile("unknown"))
    measures: Event = {"progress": 0.25, "done": 1250, "total": 5000, "unit": "frames"}
    await stub.send(job_event(3, "progress", **ABOUT, **measures, message="first pass"))
    await expect(slot(page, "size")).to_have_text("1,250 / 5,000 frames")
    await expect(slot(page, "percent")).to_have_text("25 %")
    await expect(slot(page, "detail")).to_have_text("render · first pass")
    await expect(slot(page, "bar")).to_have_attribute("aria-valuenow", "25")
    for column in ("speed", "left"):
        await expect(slot(page, column)).to_be_hidden()
    await expect(page.locator("#active")).to_have_text("1 active")

    await stub.send(
        job_event(4, "complete", **ABOUT, progress=1.0, done=5000, total=5000, unit="frames", result={"n": 1})
    )
    await expect(slot(page, "state")).to_have_text("Complete")
    await expect(slot(page, "detail")).to_have_text('render · {"n":1}')
    await expect(slot(page, "size")).to_have_text("5,000 / 5,000 frames")
    await expect(page.get_by_role("status")).to_contain_text("Holiday.mp4: complete.")
    assert await verbs(page) == ["Remove Holiday.mp4"]


@pytest.mark.parametrize(
    ("measures", "amount", "bar"),
    [
        ({"progress": 0.0}, "", "nothing done, total unknown"),
        ({"progress": 0.0, "done": 7, "unit": "rows"}, "7 rows", "7 rows done, total unknown"),
        ({"progress": 0.5}, "", "50 %"),
        ({"progress": 0.0, "done": 0, "total": 8}, "0 / 8", "0 %"),
        ({"progress": 0.5, "done": 2.5, "total": 5, "unit": "h"}, "2.5 / 5 h", "50 %"),
        ({"progress": 0.5, "done": 1e6, "total": 2e6, "unit": "B"}, "1.0 / 2.0 MB", "50 %"),
    ],
)
async def test_what_is_done_is_said_in_the_units_of_the_job(
    open_page: OpenPage, stub: StubServer, measures: Event, amount: str, bar: str
) -> None:
    page = await open_page()
    await stub.send(job_event(1, "progress", **measures))
    await expect(slot(page, "bar")).to_have_attribute("aria-valuetext", bar)
    await expect(slot(page, "size")).to_have_text(re.compile(f"^{re.escape(amount)}$"))


async def test_a_failure_and_the_reason_of_a_retry_are_told(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(job_event(1, "progress", **ABOUT, attempt=1, progress=0.5, done=5, total=10))
    await stub.send(job_event(2, "queued", **ABOUT, attempt=2, progress=0.0, error_message="disk full"))
    await expect(slot(page, "detail")).to_have_text("render · tried again soon: disk full")
    await expect(slot(page, "size")).to_have_text(re.compile("^$"))
    await stub.send(job_event(3, "progress", **ABOUT, attempt=1, progress=0.9))  # of the attempt before
    await stub.send(job_event(4, "error", **ABOUT, attempt=2, progress=0.0, error_message="its process was lost"))
    await expect(slot(page, "state")).to_have_text("Failed")
    await expect(slot(page, "detail")).to_have_text("render · its process was lost")
    assert await verbs(page) == ["Remove Holiday.mp4"]


async def test_a_cancel_is_shown_as_asked_for_until_the_job_ends(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(job_event(1, "started", name="n"))
    cancel = row(page).get_by_role("button", name="Cancel n")
    await cancel.click()
    await stub.messages(1)
    [command] = stub.received
    assert (command["action"], command["job_id"], "download_id" in command) == ("cancel_job", "a", False)
    await stub.send(command_result(command, status="accepted"))
    await expect(slot(page, "state")).to_have_text("Cancelling")
    await page.clock.run_for(30_000)
    await stub.send(job_event(2, "progress", name="n", progress=0.5))
    await expect(slot(page, "percent")).to_have_text("50 %")
    await expect(slot(page, "state")).to_have_text("Cancelling")
    await expect(cancel).to_have_attribute("aria-busy", "true")
    await expect(slot(page, "note")).to_be_hidden()
    await cancel.click()  # asked for already
    await stub.send(job_event(3, "cancelled", name="n"))
    await expect(slot(page, "state")).to_have_text("Cancelled")
    await expect(row(page).get_by_role("button", name="Remove n")).to_have_attribute("aria-busy", "false")
    assert len(stub.received) == 1


async def test_a_job_is_removed_unless_that_is_undone(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(job_event(1, "complete", name="n"))
    await row(page).get_by_role("button", name="Remove n").click()
    notice = page.get_by_role("group", name="n: removed from the list.")
    await expect(notice.get_by_role("button")).to_have_text(["Undo", "Dismiss"])
    await dismiss(page)
    await stub.messages(1)
    [command] = stub.received
    assert (command["action"], command["job_id"]) == ("remove_job", "a")
    await stub.send(job_event(2, "deleted", name="n"))
    await expect(row(page)).to_have_count(0)
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()


@pytest.mark.parametrize("kind", ["queued", "started", "progress", "complete", "error", "cancelled"])
@pytest.mark.parametrize(("make", "verb"), [(event, "Delete"), (job_event, "Remove")])
async def test_without_a_record_removal_is_all_that_is_offered(
    open_page: OpenPage, stub: StubServer, make: type, verb: str, kind: str
) -> None:
    page = await open_page()
    await stub.send(unowned(make(1, kind, name="n")))
    await expect(row(page)).to_be_visible()
    assert await verbs(page) == [f"{verb} n"]
    await buttons(page).click()
    await dismiss(page)
    await stub.messages(1)
    refusal = {"status": "rejected", "reason": f"unknown_{'job' if verb == 'Remove' else 'download'}"}
    await stub.send(command_result(stub.received[0], **refusal))  # others removed it, or it expired
    await expect(row(page)).to_have_count(0)


async def test_a_record_brings_the_commands(open_page: OpenPage, stub: StubServer) -> None:
    stub.snapshot = [unowned(job_event(1, "progress", name="n", progress=0.5))]
    stub.job_records = [
        job_record(name="n", progress=0.5, cancel_requested=True),
        job_record("ended", "error", error_message="no"),
    ]
    page = await open_page()
    await expect(slot(page, "state")).to_have_text("Cancelling")
    assert await verbs(page) == ["Cancel n"]
    await expect(slot(page, "detail", "ended")).to_have_text("render · no")
    await expect(page.locator("li.row .title")).to_have_text(["n", "ended"])


async def test_a_job_without_a_record_falls_silent_and_one_with_an_owner_does_not(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(clock=True)
    await stub.send(
        unowned(event(1, "progress", "nobody's", progress=0.5, speed=1000)),
        unowned(job_event(2, "queued", "unstarted")),
        job_event(3, "started", "owned"),
        event(4, "progress", "moves", progress=0.5, speed=2000),
    )
    await expect(page.locator("#speed")).to_have_text("3.0 kB/s")
    await page.clock.run_for(16_000)
    for name in ("nobody's", "unstarted"):
        await expect(slot(page, "detail", name)).to_have_text("no updates for a while")
    await expect(slot(page, "detail", "owned")).to_have_text("")
    await stub.send(event(5, "progress", "moves", progress=0.6, speed=2000))
    await page.clock.run_for(1_000)
    await expect(page.locator("#speed")).to_have_text("2.0 kB/s")
    await expect(page.locator("#active")).to_have_text("4 active")


async def test_where_there_are_no_downloads_there_is_no_speed(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await expect(page.locator("#speed")).to_be_visible()
    await stub.send(job_event(1, "started", "j"))
    for part in ("#speed", ".chart", "#chart-description"):
        await expect(page.locator(part)).to_be_hidden()
    await stub.send(event(2, "started", "d"))
    await expect(page.locator("#speed")).to_be_visible()


async def test_kinds_are_found_by_search_and_counted_together(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started", "d", name="file"), job_event(2, "started", "j", **ABOUT))
    await expect(page.locator("#count")).to_have_text("2 jobs")
    await page.get_by_label("Show which state").select_option("Running")
    await page.get_by_label("Search").fill("render")
    await expect(page.locator("li.row:visible .title")).to_have_text(["Holiday.mp4"])
    await expect(page).to_have_title("2 active · Simulcast")


async def test_clear_finished_counts_jobs_and_their_events_take_them_away(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", "d"), job_event(2, "error", "j"), job_event(3, "started", "r"))
    await page.get_by_role("button", name="Clear finished").click()
    await expect(page.get_by_role("group", name="Clear 2 finished jobs? Files stay.")).to_be_visible()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await stub.messages(1)
    await stub.send(event(4, "deleted", "d"), job_event(5, "deleted", "j"))
    await expect(page.locator("li.row")).to_have_count(1)
    await stub.send(command_result(stub.received[0], status="accepted"))
    await expect(page.get_by_role("status")).to_contain_text("2 finished jobs cleared.")


async def test_text_of_a_job_is_shown_as_text(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    hostile = "<img src=x onerror=alert(1)>\u202e"
    await stub.send(
        job_event(
            1, "progress", name=hostile, kind=hostile, message=hostile, unit=hostile, done=1, total=2, progress=0.5
        ),
        job_event(2, "complete", "b", name=hostile, result=[hostile], done="x", total={}, unit=5, message=[]),
        job_event(3, "error", "c", error_message=None, kind=7),
    )
    await expect(page.locator("li.row")).to_have_count(3)
    await expect(page.locator("li.row img")).to_have_count(0)
    await expect(slot(page, "title")).to_have_text("<img src=x onerror=alert(1)>\ufffd")
    await expect(slot(page, "detail", "c")).to_have_text("no reason was given")
