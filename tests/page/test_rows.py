"""The rows that events make, hostile events included."""

import pytest
from playwright.async_api import expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Counts every write beneath a row in row.dataset.writes, without being seen by itself.
COUNT_WRITES = """row => {
  window.writes = 0;
  new MutationObserver(records => { window.writes += records.length; }).observe(
    row, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


async def test_one_row_follows_a_download_from_queued_to_complete(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "queued", name="debian.iso", url="https://example.org/d/debian.iso"))
    await expect(slot(page, "state")).to_have_text("Queued")
    await expect(slot(page, "title")).to_have_text("debian.iso")
    await expect(slot(page, "detail")).to_have_text("example.org")

    await stub.send(
        event(2, "started", total_bytes=200_000_000),
        event(3, "progress", progress=0.25, speed=10_000_000, received_bytes=50_000_000, total_bytes=200_000_000),
    )
    await expect(slot(page, "state")).to_have_text("Downloading")
    await expect(slot(page, "percent")).to_have_text("25 %")
    await expect(slot(page, "size")).to_have_text("50.0 / 200 MB")
    await expect(slot(page, "speed")).to_have_text("10.0 MB/s")
    await expect(slot(page, "left")).to_have_text("15 s left")
    await expect(slot(page, "fill")).to_have_attribute("style", "transform: scaleX(0.25);")

    await stub.send(event(4, "complete", file_path="/downloads/debian.iso"))
    await expect(slot(page, "state")).to_have_text("Complete")
    await expect(slot(page, "detail")).to_have_text("/downloads/debian.iso")
    await expect(slot(page, "speed")).to_have_text("")
    await expect(page.locator("li.row")).to_have_count(1)


async def test_the_three_events_of_the_original_app_are_enough_for_a_row(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send({"type": "download_progress", "download_id": "12345", "progress": 0.75, "speed": 1024000})
    await expect(slot(page, "title", "12345")).to_have_text("12345")
    await expect(slot(page, "percent", "12345")).to_have_text("75 %")
    await expect(slot(page, "speed", "12345")).to_have_text("1.0 MB/s")
    await stub.send({"type": "download_error", "download_id": "12345", "error_message": "the server answered 404"})
    await expect(slot(page, "state", "12345")).to_have_text("Failed")
    await expect(slot(page, "detail", "12345")).to_have_text("the server answered 404")


async def test_what_waits_for_its_next_try_says_why(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    busy = {"error_message": "the server answered 503", "retry_at": 1790000001.5, "retries": 1}
    await stub.send(event(1, "queued", "a", url="http://example.com/a", **busy))
    await expect(slot(page, "detail", "a")).to_have_text("tried again soon: the server answered 503")
    await stub.send(event(2, "resumed", "a"))
    await expect(slot(page, "detail", "a")).to_have_text("example.com")


async def test_the_newest_download_is_the_topmost_and_stays_where_it_is(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "queued", "a"), event(2, "queued", "b"), event(3, "queued", "c"))
    await page.get_by_label("Order").select_option("Newest first")
    await stub.send(event(4, "progress", "a", progress=0.5, speed=1), event(5, "queued", "d", name="the last"))
    await expect(page.locator("li.row .title")).to_have_text(["the last", "c", "b", "a"])


async def test_markup_in_names_and_errors_is_shown_as_text(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    await stub.send(
        event(1, "queued", name=hostile, url="javascript:alert(1)"),
        event(2, "error", error_message=hostile),
        event(3, "complete", "b", file_path=hostile),
        event(4, "queued", "__proto__", name="safe\u202eexe.gpj"),
    )
    await expect(slot(page, "title")).to_have_text(hostile)
    await expect(slot(page, "detail")).to_have_text(hostile)
    await expect(slot(page, "detail", "b")).to_have_text(hostile)
    # A direction character would let the name end in what it doesn't end in.
    await expect(slot(page, "title", "__proto__")).to_have_text("safe\ufffdexe.gpj")
    await expect(page.locator("li.row :is(img, script, a:not([data-slot=save]))")).to_have_count(0)


async def test_messages_that_are_no_event_of_a_download_change_nothing(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(
        "Hello from Flutter!", "", "[" * 100_000, "null", "17", '"text"', "[]", "{}",
        {"type": "download_queued"},
        {"type": "download_queued", "download_id": ""},
        {"type": "download_queued", "download_id": {"a": 1}},
        {"type": "weather", "download_id": "a"},
        {"type": "toString", "download_id": "a"},
        {"type": ["download_queued"], "download_id": "a"},
    )  # fmt: skip
    await stub.send(event(1, "progress", "b", progress="much", speed=None, name=5, total_bytes=-1, attempt="x"))
    await expect(slot(page, "state", "b")).to_have_text("Downloading")
    await expect(page.locator("li.row")).to_have_count(1)


async def test_a_repeated_event_writes_nothing(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    known = [
        event(1, "started", name="n", total_bytes=100),
        event(2, "progress", progress=0.5, speed=7, received_bytes=50, total_bytes=100),
        event(3, "complete", file_path="/n"),
    ]
    await stub.send(*known)
    await expect(slot(page, "state")).to_have_text("Complete")
    await row(page).evaluate(COUNT_WRITES)
    await stub.send(*known * 50, event(4, "queued", "after", name="all repetitions were read"))
    await expect(row(page, "after")).to_be_visible()
    assert await page.evaluate("window.writes") == 0


async def test_an_event_that_changes_nothing_that_is_shown_writes_nothing(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(event(1, "progress", progress=0.5, speed=7_000_000, received_bytes=50, total_bytes=100))
    await expect(slot(page, "percent")).to_have_text("50 %")
    await row(page).evaluate(COUNT_WRITES)
    again = [
        event(n, "progress", progress=0.50001, speed=7_000_001, received_bytes=50, total_bytes=100)
        for n in range(2, 50)
    ]
    await stub.send(*again, event(50, "queued", "after"))
    await expect(row(page, "after")).to_be_visible()
    assert await page.evaluate("window.writes") == 0


async def test_a_download_of_unknown_size_has_a_moving_bar_and_no_percent(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(
        event(1, "started", total_bytes=None),
        event(2, "progress", progress=0.0, speed=1000, received_bytes=5_000_000, total_bytes=None),
    )
    await expect(slot(page, "size")).to_have_text("5.0 MB")
    await expect(slot(page, "percent")).to_have_text("")
    await expect(slot(page, "left")).to_have_text("")
    await expect(slot(page, "bar")).to_have_class("bar unknown")
    await expect(slot(page, "fill")).to_have_css("animation-name", "sweep")
    assert await slot(page, "bar").get_attribute("aria-valuenow") is None
    await stub.send(event(3, "paused", received_bytes=6_000_000))
    await expect(slot(page, "bar")).to_have_class("bar")


async def test_late_progress_of_an_ended_attempt_does_not_revive_the_row(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "started", attempt=2), event(2, "error", attempt=2, error_message="cut off"))
    await stub.send(
        event(3, "progress", attempt=2, progress=0.9, speed=1),
        event(4, "progress", attempt=1, progress=0.9, speed=1),
        event(5, "queued", "after"),
    )
    await expect(row(page, "after")).to_be_visible()
    await expect(slot(page, "state")).to_have_text("Failed")

    await stub.send(event(6, "progress", attempt=3, progress=0.1, speed=1))
    await expect(slot(page, "state")).to_have_text("Downloading")
    await expect(slot(page, "detail")).to_have_text("")


async def test_progress_without_an_attempt_revives_the_row(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "complete", file_path="/x"), event(2, "progress", progress=0.25, speed=1))
    await expect(slot(page, "state")).to_have_text("Downloading")
    await expect(slot(page, "percent")).to_have_text("25 %")


async def test_a_download_that_says_nothing_for_long_has_no_speed(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "progress", progress=0.5, speed=2_000_000, name="n"))
    await expect(page.locator("#speed")).to_have_text("2.0 MB/s")
    await page.clock.fast_forward(16_000)
    await expect(slot(page, "detail")).to_have_text("no updates for a while")
    await expect(slot(page, "speed")).to_have_text("")
    await expect(page.locator("#speed")).to_have_text("0 B/s")


@pytest.mark.long
async def test_thousands_of_events_are_drawn_at_most_once_a_frame(open_page: OpenPage, stub: StubServer) -> None:
    downloads, rounds, burst = 400, 60, 5_000
    page = await open_page()
    await stub.send(*[event(n, "started", f"d{n}") for n in range(downloads)])
    await expect(page.locator("#count")).to_have_text(f"{downloads} jobs")
    topmost = f"d{downloads - 1}"
    await slot(page, "size", topmost).evaluate(COUNT_WRITES)
    await page.evaluate("window.frames_ = 0; (function next() { frames_ += 1; requestAnimationFrame(next); })()")
    for step in range(1, rounds + 1):
        offset = step * downloads
        progress = [
            event(offset + n, "progress", f"d{n}", progress=step / rounds, speed=1000 * step) for n in range(downloads)
        ]
        await stub.send(*progress)
        if step == rounds // 2:
            await page.get_by_label("Add downloads").fill("typed while they flow")
    last = (rounds + 1) * downloads
    await stub.send(
        *[
            event(last + n, "progress", topmost, progress=1.0, speed=60_000, received_bytes=n)
            for n in range(1, burst + 1)
        ]
    )
    await expect(slot(page, "size", topmost)).to_have_text("5.0 kB")
    await expect(page.locator("li.row .percent").filter(has_not_text="100 %")).to_have_count(0)
    await expect(page.locator("#active")).to_have_text(f"{downloads} active")
    await expect(page.get_by_label("Add downloads")).to_have_value("typed while they flow")
    writes, frames = await page.evaluate("[window.writes, window.frames_]")
    assert 0 < writes <= frames
