"""How the page loses the server and comes back."""

import re

import pytest
from playwright.async_api import expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_rows_keep_their_elements_through_a_loss_and_what_was_missed_arrives(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(clock=True)
    await stub.send(event(6, "started", name="first"), event(7, "progress", progress=0.25, speed=1_000_000))
    await expect(slot(page, "percent")).to_have_text("25 %")
    await row(page).evaluate("row => { row.mark = 'the same element'; }")

    stub.refuses = True
    stub.cut()
    await expect(page.locator("#phase")).to_have_text(re.compile(r"No connection, next try in \d s"))
    await expect(row(page)).to_be_visible()
    await expect(slot(page, "percent")).to_have_text("25 %")
    await expect(slot(page, "speed")).to_be_hidden()
    await expect(page.locator("#speed")).to_have_text("– B/s")

    stub.refuses = False
    stub.snapshot = [event(6, "started", name="first"), event(9, "complete", file_path="/f"), event(10, "queued", "b")]
    await page.clock.fast_forward(6_100)
    await expect(page.locator("#phase")).to_have_text("Live")
    await expect(slot(page, "state")).to_have_text("Complete")
    await expect(page.locator("li.row")).to_have_count(2)
    assert await row(page).evaluate("row => row.mark") == "the same element"
    assert stub.sinces == [None, "1790000000000-7"]
    assert stub.intervals == ["300", "300"]  # each event costs the browser the same, seen or not


@pytest.mark.long
async def test_the_next_try_comes_after_four_to_six_seconds_again_and_again(
    open_page: OpenPage, stub: StubServer
) -> None:
    stub.refuses = True
    page = await open_page(live=False, clock=True)
    for _ in range(3):
        await expect(page.locator("#phase")).to_have_text(re.compile(r"No connection, next try in [3-6] s"))
        await page.clock.fast_forward(6_100)
    stub.refuses = False
    await page.clock.fast_forward(6_100)
    await expect(page.locator("#phase")).to_have_text("Live")


async def test_an_event_without_a_download_moves_the_position_too(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "queued"), {"event_id": "1790000000000-2", "type": "weather"}, event(3, "queued", "b"))
    await stub.send({"event_id": "1790000000000-4", "type": "weather"}, {"event_id": "&x=1", "type": "weather"})
    await stub.send({"type": "download_queued", "download_id": "last"})
    await expect(row(page, "last")).to_be_visible()
    stub.cut()
    await page.get_by_role("button", name="Try now").click()
    await stub.connections(2)
    assert stub.sinces[1] == "1790000000000-4"


@pytest.mark.parametrize("target", ["window:online", "document:visibilitychange"])
async def test_network_and_person_coming_back_connect_at_once(
    open_page: OpenPage, stub: StubServer, target: str
) -> None:
    page = await open_page()
    stub.cut()
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    name, event_name = target.split(":")
    await page.evaluate(f"{name}.dispatchEvent(new Event('{event_name}'))")
    await stub.connections(2, deadline_s=3)  # by itself it comes after 4 s at the earliest
    await expect(page.locator("#phase")).to_have_text("Live")


async def test_a_socket_from_before_the_network_went_is_replaced(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await page.evaluate("window.dispatchEvent(new Event('offline')); window.dispatchEvent(new Event('online'))")
    await stub.connections(2, deadline_s=3)
    await expect(page.locator("#phase")).to_have_text("Live")
    await stub.send(event(1, "queued"))
    await expect(row(page)).to_have_count(1)


async def test_an_attempt_that_hangs_is_given_up(open_page: OpenPage, stub: StubServer) -> None:
    stub.hangs = True
    page = await open_page(live=False, clock=True)
    await expect(page.locator("#phase")).to_have_text("Connecting…")
    await page.clock.fast_forward(10_100)
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    stub.hangs = False
    await page.clock.fast_forward(6_100)
    await expect(page.locator("#phase")).to_have_text("Live")


@pytest.mark.parametrize("code", [1001, 1012, 1013])
async def test_a_server_that_goes_away_is_come_back_to(open_page: OpenPage, stub: StubServer, code: int) -> None:
    page = await open_page(clock=True)
    await stub.close(code, "restarting")
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    await page.clock.fast_forward(6_100)
    await expect(page.locator("#phase")).to_have_text("Live")


@pytest.mark.parametrize("code", [1008, 1009])
async def test_a_refusal_is_told_and_not_tried_again_by_itself(
    open_page: OpenPage, stub: StubServer, code: int
) -> None:
    page = await open_page(clock=True)
    await stub.close(code, "this origin may not connect")
    await expect(page.locator("#phase")).to_have_text("The server refused the connection: this origin may not connect")
    await page.clock.fast_forward(60_000)
    await expect(page.locator("#phase")).to_have_text("The server refused the connection: this origin may not connect")
    assert stub.sinces == [None]
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator("#phase")).to_have_text("Live")
    await expect(page.get_by_role("button", name="Try now")).to_be_hidden()


async def test_a_refused_position_is_dropped_so_that_the_snapshot_comes(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "queued"))
    await expect(row(page)).to_be_visible()
    await stub.close(4400, "since is no position")
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    await page.clock.fast_forward(6_100)
    await stub.connections(2)
    assert stub.sinces == [None, None]


async def test_a_close_before_the_first_event_resumes_where_hello_was(open_page: OpenPage, stub: StubServer) -> None:
    stub.position = "1790000000000-41"
    page = await open_page(clock=True)
    await stub.close(1012, "this front-end ends")
    await page.get_by_role("button", name="Try now").click()
    await stub.connections(2)
    assert stub.sinces == [None, "1790000000000-41"]


async def test_a_loss_behind_hello_asks_for_the_snapshot_again(open_page: OpenPage, stub: StubServer) -> None:
    stub.position = "1790000000000-41"
    page = await open_page(clock=True)
    stub.cut()
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    await page.clock.fast_forward(6_100)
    await stub.connections(2)
    assert stub.sinces == [None, None]


async def test_a_mark_moves_the_position_and_what_others_publish_does_not(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(
        event(1, "queued"),
        {"type": "position", "position": "1790000000000-50"},
        {"type": "position", "position": "nowhere"},
        {"event_id": "1790000000000-51", "type": "position", "position": "1790000000000-99"},
        {"event_id": "1790000000000-52", "type": "hello", "position": "1790000000000-99", "recovered": False},
        {"type": "download_queued", "download_id": "last"},
    )
    await expect(row(page, "last")).to_be_visible()
    stub.cut()
    await page.get_by_role("button", name="Try now").click()
    await stub.connections(2)
    assert stub.sinces[1] == "1790000000000-52"
    await stub.send({"type": "position", "position": "1790000000000-60"}, event(61, "queued", "b", name="read"))
    await stub.send(
        {"type": "position", "position": "1790000000000-70"}, {"type": "download_queued", "download_id": "c"}
    )
    await expect(row(page, "c")).to_be_visible()
    stub.cut()
    await page.get_by_role("button", name="Try now").click()
    await stub.connections(3)
    assert stub.sinces[2] == "1790000000000-70"


async def test_two_marks_that_are_missing_are_a_loss(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "complete"))
    await expect(row(page)).to_be_visible()
    await page.clock.run_for(40_000)
    await expect(page.locator("#phase")).to_have_text("Live")
    await stub.send({"type": "position", "position": "1790000000000-2"}, event(3, "queued", "after"))
    await expect(row(page, "after")).to_be_visible()
    await page.clock.run_for(40_000)
    await expect(page.locator("#phase")).to_have_text("Live")
    await page.clock.run_for(10_500)
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    await page.clock.fast_forward(6_100)
    await expect(page.locator("#phase")).to_have_text("Live")
    assert stub.sinces == [None, "1790000000000-3"]
