"""The link by which a finished file is saved: where the front-end serves files, and nowhere else."""

import random
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from simulcast.broker import Broker
from simulcast.model.events import complete_event
from tests.file_server import Files
from tests.page.rows import row, slot
from tests.programs import StartFrontEnd, StartWorker
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
