"""The link by which a finished file is saved: where the front-end serves files, and nowhere else."""

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, Download, Page, expect

from simulcast.broker import Broker
from simulcast.model.events import complete_event
from tests.file_server import Files
from tests.page.conftest import give
from tests.page.rows import row, slot
from tests.programs import StartFrontEnd, StartWorker
from tests.signed_tokens import SECRET, token
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_a_finished_file_is_saved_by_a_click_under_its_name(
    browser: Browser,
    front_end: StartFrontEnd,
    worker: StartWorker,
    own_valkey: Valkey,
    files: Files,
    tmp_path: Path,
) -> None:
    files.contents["émoi 1.bin"] = random.Random(6).randbytes(300_000)
    gives = await front_end(SIMULCAST_FILES_DIR=str(tmp_path / "downloads"))
    gives_none = await front_end()
    worker()
    _, record = await gives.post("/downloads", {"url": files.url("%C3%A9moi%201.bin")})
    download_id = str(record["download_id"])
    context = await browser.new_context()
    page = await context.new_page()
    for running in (gives_none, gives):
        await page.goto(f"http://localhost:{running.port}/")
        await expect(slot(page, "state", download_id)).to_have_text("Complete")
        await expect(slot(page, "save", download_id)).to_be_visible(visible=running is gives)

    broker = Broker.connect(own_valkey.url)
    await broker.publish(complete_event("foreign", "/somewhere/else.bin"))
    await broker.aclose()
    await expect(row(page, "foreign")).to_be_visible()
    await expect(slot(page, "save", "foreign")).to_be_hidden()

    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Save émoi 1.bin").click()
    saved = await saving.value
    assert saved.suggested_filename == "émoi 1.bin"
    assert Path(await saved.path()).read_bytes() == files.contents["émoi 1.bin"]
    await expect(page.locator("#phase")).to_have_text("Live")
    await context.close()


@pytest.mark.long
async def test_with_a_token_the_server_signs_links_which_the_token_is_no_part_of(
    browser: Browser, front_end: StartFrontEnd, worker: StartWorker, files: Files, tmp_path: Path
) -> None:
    files.contents["a&b.bin"] = content = random.Random(7).randbytes(300_000)
    running = await front_end(SIMULCAST_FILES_DIR=str(tmp_path / "downloads"), SIMULCAST_TOKEN_SECRET=SECRET)
    worker()
    context = await browser.new_context()
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    requested: list[str] = []
    context.on("request", lambda request: requested.append(request.url))
    base = f"http://127.0.0.1:{running.port}"
    await page.goto(f"{base}/")

    await give(page, weak := token("watch command"))
    await page.get_by_label("Add downloads").fill(files.url("a&b.bin"))
    await page.locator("#add-button").click()
    save = page.locator("li.row").get_by_role("link", name="Save a&b.bin")
    drawer = page.get_by_role("dialog", name="a&b.bin", exact=True)
    await save.click()
    reason = "The file was refused: the token doesn't have the scope files: get one that has it"
    await expect(page.locator("#notice-message")).to_have_text(reason)
    await page.locator("li.row").get_by_role("button", name="a&b.bin", exact=True).click()
    for control in (drawer.get_by_role("link", name="Save file"), drawer.get_by_role("button", name="Copy link")):
        await page.evaluate("document.getElementById('details-note').textContent = ''")
        await control.click()
        await expect(drawer.get_by_role("status")).to_have_text(reason)

    await page.evaluate("sessionStorage.clear()")
    await page.reload()
    await give(page, strong := token("watch files"))
    await saved(page, save.click, content)
    await page.locator("li.row").get_by_role("button", name="a&b.bin", exact=True).click()
    await saved(page, drawer.get_by_role("link", name="Save file").click, content)
    await drawer.get_by_role("button", name="Copy link").click()
    await expect(drawer.get_by_role("status")).to_contain_text("Link copied. It works until")
    link = await page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{base}/downloads/") and "/file?link=" in link
    async with aiohttp.request("GET", link) as answer:
        assert await answer.read() == content
    assert not [url for url in requested if weak in url or strong in url]
    await context.close()


async def saved(page: Page, act: Callable[[], Awaitable[None]], content: bytes) -> None:
    async with page.expect_download() as saving:
        await act()
    found: Download = await saving.value
    assert found.suggested_filename == "a&b.bin"
    assert Path(await found.path()).read_bytes() == content
