"""Everything together, as a person starts it: `simulcast up`, `simulcast add`, the page, and a Gateway next to it."""

import asyncio
import hashlib
import json
import random
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from simulcast.broker import Broker
from simulcast.gateway import Gateway
from simulcast.model.channel import ChannelNames
from simulcast.model.events import progress_event
from simulcast.store.connection import connect
from tests.conditions import eventually
from tests.file_server import Files
from tests.page.rows import dismiss, row, slot
from tests.ports import free_port
from tests.service import ROOT, Program

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


class Up(Program):
    """`simulcast up` with folders and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        command = ["-m", "simulcast.cli", "up", "--port", str(self.port), "--data", str(folder / "data")]
        environment = {
            "SIMULCAST_DOWNLOAD_DIR": str(folder / "downloads"),
            "SIMULCAST_ALLOW_NETWORKS": "127.0.0.0/8",
            "REDIS_URL": "",
        }
        super().__init__(command, folder / "up.log", **environment)

    @property
    def redis_url(self) -> str:
        return (self.folder / "data/redis.url").read_text().strip()

    async def command(self, *words: str) -> str:
        """Run a command of the command line next to the running service; return its output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "simulcast.cli", *words, "--data", str(self.folder / "data")),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        assert process.returncode == 0
        return output.decode()


@pytest_asyncio.fixture(loop_scope="session")
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    program = Up(tmp_path)

    async def is_up() -> bool:
        assert program.process.poll() is None, program.output()
        return "Simulcast is up" in program.output()

    await eventually(is_up, "the start", 60)
    yield program
    assert program.stop() == 0
    assert "Traceback" not in program.output(), program.output()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, up: Up) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    page.set_default_timeout(60_000)
    await page.goto(f"http://localhost:{up.port}/")
    await expect(page.locator("#phase")).to_have_text("Live")
    yield page
    await context.close()


@pytest.mark.long
async def test_a_download_of_200_mb_moves_on_the_page_and_in_the_client_and_its_file_is_right(
    up: Up, page: Page, files: Files
) -> None:
    content = random.Random(4).randbytes(1_000_000) * 200
    files.contents["big.iso"] = content
    files.bytes_per_s = 100_000_000
    texts: list[str] = []
    async with Gateway(port=up.port, on_websocket_message=texts.append):
        added = await up.command("add", files.url("big.iso"))
        await expect(slot(page, "state", added.split()[0])).to_have_text("Downloading", timeout=30_000)
        await expect(slot(page, "percent", added.split()[0])).to_have_text(re.compile(r"[1-9]\d? %"), timeout=30_000)
        await expect(slot(page, "state", added.split()[0])).to_have_text("Complete", timeout=60_000)

        async def ended() -> bool:
            return any("download_complete" in text for text in texts)

        await eventually(ended, "the end", 60)
    events = [json.loads(text) for text in texts]
    types = [event["type"] for event in events]
    assert types[:2] == ["download_queued", "download_started"]
    assert types[-2:] == ["download_progress", "download_complete"]
    progress = [event["progress"] for event in events if event["type"] == "download_progress"]
    assert progress == sorted(progress) and progress[-1] == 1.0
    path = Path(events[-1]["file_path"])
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()


async def test_pause_is_clicked_while_the_row_is_updated_ten_times_a_second(up: Up, page: Page, files: Files) -> None:
    files.contents["slow.bin"] = random.Random(5).randbytes(30_000_000)
    files.bytes_per_s = 1_500_000
    download_id = (await up.command("add", files.url("slow.bin"))).split()[0]
    await expect(slot(page, "state", download_id)).to_have_text("Downloading", timeout=30_000)
    client = connect(up.redis_url)
    over = asyncio.Event()

    async def update() -> None:
        n = 0
        while not over.is_set():
            n += 1
            event = {**progress_event(download_id, min(n / 1000, 1), n), "attempt": 1}
            await client.publish(ChannelNames().pubsub, json.dumps(event))
            await asyncio.sleep(0.09)

    updating = asyncio.create_task(update())
    download = row(page, download_id)
    await download.get_by_role("button", name=re.compile("Pause")).click()
    over.set()
    await updating
    await expect(slot(page, "state", download_id)).to_have_text("Paused", timeout=30_000)
    files.bytes_per_s = 0
    await download.get_by_role("button", name=re.compile("Resume")).click()
    await expect(slot(page, "state", download_id)).to_have_text("Complete", timeout=60_000)
    await client.aclose()


async def test_a_download_is_added_on_the_page_cancelled_and_retried(up: Up, page: Page, files: Files) -> None:
    files.contents["a.bin"] = random.Random(6).randbytes(5_000_000)
    files.bytes_per_s = 500_000
    await page.locator("#urls").fill(files.url("a.bin"))
    await page.locator("#add-button").click()
    download = page.locator("li.row")
    state = download.locator('[data-slot="state"]')
    await expect(state).to_have_text("Downloading", timeout=30_000)
    await download.get_by_role("button", name=re.compile("Cancel")).click()
    await expect(state).to_have_text("Cancelled", timeout=30_000)

    async def part_is_gone() -> bool:
        return list((up.folder / "downloads").iterdir()) == []

    await eventually(part_is_gone, "the part file's end")
    files.bytes_per_s = 0
    await download.get_by_role("button", name=re.compile("Retry")).click()
    await expect(state).to_have_text("Complete", timeout=60_000)


async def test_what_is_complete_is_deleted_with_its_file_and_the_rest_is_cleared(
    up: Up, page: Page, files: Files
) -> None:
    ids = []
    for name in ("1.bin", "2.bin", "3.bin"):
        files.contents[name] = random.Random(name).randbytes(1_000)
        ids.append((await up.command("add", files.url(name))).split()[0])
        await expect(slot(page, "state", ids[-1])).to_have_text("Complete", timeout=60_000)
    folder = up.folder / "downloads"
    assert len(list(folder.iterdir())) == 3
    await page.get_by_role("button", name="Delete 1.bin").click()
    await page.get_by_role("button", name="Delete file too").click()
    await dismiss(page)
    await expect(row(page, ids[0])).to_have_count(0)

    async def file_is_gone() -> bool:
        return len(list(folder.iterdir())) == 2

    await eventually(file_is_gone, "the file's end", 60)
    await page.reload()
    await expect(page.locator("li.row .title")).to_have_text(["3.bin", "2.bin"])
    await page.get_by_role("button", name="Clear finished").click()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await expect(page.locator("li.row")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
    assert len(list(folder.iterdir())) == 2


async def test_a_job_of_the_demo_is_cancelled_and_removed_and_all_stays_done_after_a_reload(up: Up, page: Page) -> None:
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulcast.cli", "demo", "--jobs", "3", "--seconds", "30"),
        *("--data", str(up.folder / "data")),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    states = page.locator("li.row .state")
    await expect(states).to_have_text(["Running"] * 3, timeout=60_000)
    name = await page.locator("li.row .title").first.text_content()
    one = page.locator("li.row", has_text=name)
    await page.get_by_role("button", name=f"Cancel {name}").click()
    await expect(one.locator(".state")).to_have_text("Cancelled", timeout=30_000)
    await page.get_by_role("button", name=f"Remove {name}").press("Enter")
    await dismiss(page)
    await expect(states).to_have_count(2)
    await expect(states.filter(has_text=re.compile("Complete|Failed"))).to_have_count(2, timeout=60_000)
    async with asyncio.timeout(60):
        output, _ = await demo.communicate()
    assert re.search(r"1 cancelled, 1 complete, 1 error|1 cancelled, 2 complete", output.decode())
    await page.reload()
    await expect(states.filter(has_text=re.compile("Complete|Failed"))).to_have_count(2)
    await page.get_by_role("button", name="Clear finished").click()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await expect(states).to_have_count(0)
    await page.reload()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()


async def test_what_another_program_left_behind_is_removed_for_everyone(up: Up, page: Page) -> None:
    broker = Broker.connect(up.redis_url)
    await broker.publish({"type": "job_progress", "job_id": "left", "name": "left", "progress": 0.9})
    await broker.publish(progress_event("behind", 0.5, 1000))
    await broker.aclose()
    for verb, name in (("Remove", "left"), ("Delete", "behind")):
        await page.get_by_role("button", name=f"{verb} {name}").click()
        await dismiss(page)
        await expect(row(page, name)).to_have_count(0)
    someone_else = await page.context.new_page()
    await someone_else.goto(page.url)
    await expect(someone_else.get_by_text("Nothing here yet")).to_be_visible()
    await someone_else.close()
