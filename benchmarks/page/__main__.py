"""The page in Chromium: frames while many downloads move, and its start and memory with very many.

python -m benchmarks.page [--running 2000] [--downloads 100000] [--seconds 20]
"""

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from benchmarks import quiet, valkey
from benchmarks.__main__ import RESULTS, facts
from benchmarks.listing.filling import fill
from benchmarks.page.publisher import publish
from benchmarks.results_page import write_page
from simulcast.broker import Broker
from simulcast.jobs import Jobs
from tests.browsers import CHROMIUM_ARGS, chromium_path
from tests.service import FrontEnd

SCROLLED_PX = 1200  # by each turn of the wheel
CORE = "0,1"

# The time of each frame, ms, in window.frames.
COUNT_FRAMES = "window.frames = []; (function next(at) { frames.push(at); requestAnimationFrame(next); })()"
# The time, ms since the navigation began, at which a row can be seen and pressed.
USABLE = """() => new Promise(resolve => (function look() {
  const seen = document.querySelector("li.row button:not([hidden])")?.getBoundingClientRect().height > 0;
  const isLive = document.documentElement?.dataset.connection === "connected";
  if (seen && isLive) requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
  else setTimeout(look, 10);
})())"""


async def measure_frames(page: Page, seconds: float) -> tuple[float, float]:
    """Return the frames per second, and the longest time between two of them, ms."""
    await page.evaluate(COUNT_FRAMES)
    await asyncio.sleep(seconds)
    frames: list[float] = await page.evaluate("window.frames")
    gaps = [later - earlier for earlier, later in itertools.pairwise(frames[1:])]
    return 1e3 * len(gaps) / sum(gaps), max(gaps)


@asynccontextmanager
async def opened(server: FrontEnd) -> AsyncIterator[tuple[Page, float]]:
    """Open the page; yield it, and the ms until it is usable."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        await page.goto(f"http://127.0.0.1:{server.port}/", wait_until="commit")
        yield page, await page.evaluate(USABLE)
        await browser.close()


async def heap_mb(page: Page) -> float:
    """Return the MB that the page's objects take, garbage aside."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    metrics = (await session.send("Runtime.getHeapUsage"))["usedSize"]
    return float(metrics) / 1e6


async def measure_running(url: str, server: FrontEnd, count: int, seconds: float) -> list[str]:
    """Return rows of the table: frames while so many downloads move."""
    stop = asyncio.Event()
    publishing = asyncio.create_task(publish(url, count, stop), name="publish")
    await asyncio.sleep(5)
    async with opened(server) as (page, usable_ms):
        await page.wait_for_function(
            "count => document.querySelector('#active').textContent === `${count} active`", arg=count
        )
        still = await measure_frames(page, seconds)
        scrolling = asyncio.create_task(scroll(page, seconds), name="scroll")
        scrolled = await measure_frames(page, seconds)
        await scrolling
        stop.set()
        events_s = await publishing
        elements, heap = await page.locator("li.row").count(), await heap_mb(page)
    return [
        f"| {count:,} that run, {events_s:,.0f} events/s | {usable_ms:,.0f} ms | {still[0]:.0f} ({still[1]:.0f} ms) | "
        f"{scrolled[0]:.0f} ({scrolled[1]:.0f} ms) | {heap:.0f} MB | {elements} |"
    ]


async def scroll(page: Page, seconds: float) -> None:
    """Turn the wheel downwards all the time."""
    await page.mouse.move(600, 500)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        await page.mouse.wheel(0, SCROLLED_PX)
        await asyncio.sleep(0.1)


async def measure_many(url: str, server: FrontEnd, count: int, seconds: float) -> list[str]:
    """Return rows of the table: start, memory and scrolling with so many downloads."""
    async with aclosing(Broker.connect(url)) as broker, aclosing(Jobs.connect(url, broker)) as jobs:
        await fill(jobs, count)
    await asyncio.sleep(2)
    async with opened(server) as (page, usable_ms):
        still = await measure_frames(page, seconds)
        begun = await heap_mb(page)
        scrolling = asyncio.create_task(scroll(page, seconds), name="scroll")
        scrolled = await measure_frames(page, seconds)
        await scrolling
        elements, heap = await page.locator("li.row").count(), await heap_mb(page)
        said = await page.locator("#count").text_content()
        searched = await search(page, f"file-{count // 2}.iso")
    return [
        f"| {said} | {usable_ms:,.0f} ms | {still[0]:.0f} ({still[1]:.0f} ms) | "
        f"{scrolled[0]:.0f} ({scrolled[1]:.0f} ms) | {begun:.0f}, then {heap:.0f} MB | {elements} |",
        "",
        f"A search for one in the middle of them shows it after {searched:,.0f} ms.",
    ]


async def search(page: Page, name: str) -> float:
    """Return the ms until the only match is shown."""
    begun_s = time.monotonic()
    await page.get_by_label("Search").fill(name)
    await page.locator("li.row .title", has_text=name).wait_for()
    return 1e3 * (time.monotonic() - begun_s)


def run(flags: argparse.Namespace) -> Sequence[str]:
    """Return the rows of the table."""
    rows: list[str] = []
    for measure, count in ((measure_running, flags.running), (measure_many, flags.downloads)):
        with tempfile.TemporaryDirectory(prefix="page-") as name, valkey.running(Path(name), CORE) as (_, client):
            url = f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"
            server = FrontEnd(url, Path(name) / "front-end.log")
            try:
                rows += asyncio.run(_measure(measure, url, server, count, flags.seconds))
            finally:
                server.stop()
    return rows


async def _measure(measure: Any, url: str, server: FrontEnd, count: int, seconds: float) -> list[str]:
    await server.ready()
    rows: list[str] = await measure(url, server, count, seconds)
    return rows


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--running", type=int, default=2_000)
    parser.add_argument("--downloads", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of frames, at rest and scrolling")
    parser.add_argument("--output", type=Path, default=RESULTS / "page.md", help="where the report goes")
    flags = parser.parse_args()
    notes, others = facts(1), quiet.Others()
    rows = run(flags)
    notes.append(f"{others}, Chromium and the service among them")
    introduction = (
        ": Chromium without a graphics processor, the service and the publisher on one machine. Frames per second; in "
        "brackets the longest time between two."
    )
    body = [
        "| | usable after | frames/s | scrolling | memory of its objects | rows that are elements |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
    ]
    write_page(flags.output, "The page", parser.prog, introduction, notes, body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
