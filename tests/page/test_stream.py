"""The page by server-sent events and REST, where WebSockets are blocked, on the real server with a real worker."""

import json
import random
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from simulcast.job_handle import queue_job
from tests.controlled_server import ControlledServer
from tests.file_server import Files
from tests.page.conftest import OpenPage
from tests.page.rows import BLOCK_WEBSOCKETS, dismiss
from tests.page.stub import StubServer
from tests.programs import StartWorker

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), pytest.mark.long]


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, controlled_server: ControlledServer) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    page.set_default_timeout(60_000)
    await page.add_init_script(BLOCK_WEBSOCKETS)
    await page.goto(f"http://127.0.0.1:{controlled_server.port}/")
    await expect(page.locator("#phase")).to_have_text("Live (by SSE)")
    yield page
    await context.close()


async def test_a_download_is_added_watched_paused_resumed_and_deleted(
    page: Page, worker: StartWorker, files: Files, controlled_server: ControlledServer
) -> None:
    worker(REDIS_URL=controlled_server.redis_url)
    files.contents["a.bin"] = random.Random(7).randbytes(5_000_000)
    files.bytes_per_s = 500_000
    await page.locator("#urls").fill(files.url("a.bin"))
    await page.locator("#add-button").click()
    download = page.locator("li.row")
    state = download.locator('[data-slot="state"]')
    await expect(state).to_have_text("Downloading")
    await expect(download.locator('[data-slot="percent"]')).to_have_text(re.compile(r"[1-9]\d? %"))
    await download.get_by_role("button", name=re.compile("Pause")).click()
    await expect(state).to_have_text("Paused")
    files.bytes_per_s = 0
    await download.get_by_role("button", name=re.compile("Resume")).click()
    await expect(state).to_have_text("Complete")
    await download.get_by_role("button", name=re.compile("Delete")).press("Enter")
    await page.get_by_role("button", name="Delete file too").click()
    await dismiss(page)
    await expect(download).to_have_count(0)


async def test_what_is_cancelled_is_cleared_and_a_refusal_is_told(
    page: Page, controlled_server: ControlledServer
) -> None:
    await controlled_server.add("http://127.0.0.1:1/a.bin")  # there is no worker
    download = page.locator("li.row")
    await expect(download).to_have_count(1)
    await download.get_by_role("button", name=re.compile("Cancel")).click()
    await expect(download.locator('[data-slot="state"]')).to_have_text("Cancelled")
    await page.get_by_role("button", name="Clear finished").click()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await expect(download).to_have_count(0)
    await controlled_server.publish(
        {"type": "download_started", "download_id": "a b?", "name": "nobody's", "change": 1}
    )
    await download.get_by_role("button", name=re.compile("Pause")).click()
    await expect(download.locator('[data-slot="note"]')).to_have_text(re.compile("^Pause was refused: "))
    # The server has no record of it: its removal is all that works.
    await download.get_by_role("button", name="Delete nobody's").press("Enter")
    await dismiss(page)
    await expect(download).to_have_count(0)
    await page.reload()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()


async def test_a_job_of_any_kind_is_cancelled_and_removed(page: Page, controlled_server: ControlledServer) -> None:
    await queue_job("renders/7?", kind="render", name="Holiday", url=controlled_server.redis_url)
    job = page.locator("li.row")
    await job.get_by_role("button", name="Cancel Holiday").click()
    await expect(job.locator('[data-slot="state"]')).to_have_text("Cancelled")
    await job.get_by_role("button", name="Remove Holiday").press("Enter")
    await dismiss(page)
    await expect(job).to_have_count(0)
    await page.reload()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()


async def test_rows_stay_while_the_server_is_away_and_a_socket_is_tried_again(
    page: Page, controlled_server: ControlledServer
) -> None:
    for number in range(3):
        await controlled_server.add(f"http://127.0.0.1:1/{number}.bin")
    titles = page.locator("li.row .title")
    await expect(titles).to_have_text(["0.bin", "1.bin", "2.bin"])
    await controlled_server.kill()
    await expect(page.locator("#phase")).to_have_text(re.compile("No connection"))
    await expect(titles).to_have_count(3)
    await controlled_server.start()
    await expect(page.locator("#phase")).to_have_text("Live (by SSE)")
    await controlled_server.add("http://127.0.0.1:1/3.bin")
    await expect(titles).to_have_text(["0.bin", "1.bin", "2.bin", "3.bin"])
    await page.evaluate("window.blocked = false")
    await controlled_server.kill()
    await controlled_server.start()
    await expect(page.locator("#phase")).to_have_text("Live")
    await controlled_server.add("http://127.0.0.1:1/4.bin")
    await expect(titles).to_have_text(["0.bin", "1.bin", "2.bin", "3.bin", "4.bin"])


async def test_a_socket_that_hangs_is_given_up_for_the_stream(open_page: OpenPage, stub: StubServer) -> None:
    stub.hangs = True
    page = await open_page(live=False, clock=True)
    hello = {"type": "hello", "channel": "downloads", "position": "1790000000000-1", "recovered": False}
    body = f"event: hello\ndata: {json.dumps(hello)}\n\n"
    await page.route("**/events*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    async with page.expect_request("**/some/where/events*"):
        await page.clock.fast_forward(5_100)


async def test_failures_count_from_the_last_socket_that_opened(open_page: OpenPage, stub: StubServer) -> None:
    stub.refuses = True
    page = await open_page(live=False, clock=True)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    phase = page.locator("#phase")
    await expect(phase).to_have_text(re.compile("No connection"))
    stub.refuses = False
    await page.clock.fast_forward(6_100)
    await expect(phase).to_have_text("Live")
    stub.refuses = True
    stub.cut()
    await expect(phase).to_have_text(re.compile("No connection"))
    await page.clock.fast_forward(6_100)
    await expect(phase).to_have_text(re.compile(r"No connection, next try in [3-6] s"))
    assert [url for url in requested if "events" in url] == []
