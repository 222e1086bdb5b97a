"""`python -m benchmarks.frames`: frames a second that the page draws while 2,000 jobs move, in a real Chromium.

The whole line runs: the embedded Valkey, a front-end, `simulcast demo`, and the page. The rate of events is what Redis
counted meanwhile. Prints one line for each window, and the medians.
"""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import urllib.request
from pathlib import Path
from statistics import median

from playwright.async_api import Page, async_playwright

from simulcast.broker import Broker
from simulcast.settings.redis import URL_FILE

JOBS = 2000
WINDOWS = 5
WINDOW_S = 4.0
START_S = 90.0
RAMP_S = 22.0  # until all of the demo's jobs run
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
COUNT_FRAMES = """() => {
  window.frameTimes = [];
  const next = now => { frameTimes.push(now); requestAnimationFrame(next); };
  requestAnimationFrame(next);
}"""


async def window(page: Page, broker: Broker) -> tuple[float, float]:
    """Frames a second, events a second."""
    before, began = (await broker.head()).position.offset, asyncio.get_running_loop().time()
    await page.evaluate("frameTimes.length = 0")
    await asyncio.sleep(WINDOW_S)
    times: list[float] = await page.evaluate("frameTimes")
    told = (await broker.head()).position.offset - before
    return (len(times) - 1) * 1000 / (times[-1] - times[0]), told / (asyncio.get_running_loop().time() - began)


async def ready(url: str) -> None:
    """Returns once the front-end is. Raises TimeoutError."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                await asyncio.to_thread(urllib.request.urlopen, f"{url}/ready")
            except OSError:
                await asyncio.sleep(0.2)
            else:
                return


async def measure(port: int, data: Path, chromium: str) -> None:
    """Against a service that is being started at `port`."""
    url = f"http://127.0.0.1:{port}"
    await ready(url)
    seconds = int(START_S + WINDOWS * WINDOW_S)
    command = ["simulcast.cli", "demo", "--jobs", str(JOBS), "--seconds", str(seconds), "--data", str(data)]
    demo = await asyncio.create_subprocess_exec(sys.executable, "-m", *command, stdout=asyncio.subprocess.DEVNULL)
    broker = Broker.connect((data / URL_FILE).read_text(encoding="utf-8").strip())
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = await browser.new_page(bypass_csp=True)  # the page allows no eval, which is how Playwright waits
            await page.goto(url)
            await page.wait_for_function(
                f"document.querySelectorAll('[data-id]').length >= {JOBS * 9 // 10}", timeout=60_000
            )
            await asyncio.sleep(RAMP_S)
            await page.evaluate(COUNT_FRAMES)
            found = []
            for number in range(WINDOWS):
                found.append(await window(page, broker))
                print(f"[{number + 1}/{WINDOWS}] {found[-1][0]:.0f} frames/s, {found[-1][1]:,.0f} events/s", flush=True)
            frames, events = (median(each[side] for each in found) for side in (0, 1))
            print(f"{JOBS:,} jobs, {events:,.0f} events/s: {frames:.0f} frames/s")
            await browser.close()
    finally:
        await broker.aclose()
        demo.kill()
        await demo.wait()


async def main() -> None:
    chromium = next((path for name in NAMES if (path := shutil.which(name))), None)
    if chromium is None:
        sys.exit(f"no Chromium on the PATH (looked for {', '.join(NAMES)}): install Debian's chromium")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        command = ["simulcast.cli", "up", "--port", str(port), "--data", str(data)]
        environment = {**os.environ, "SIMULCAST_DOWNLOAD_DIR": str(Path(folder) / "downloads")}
        service = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command, env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await measure(port, data, chromium)
        finally:
            service.terminate()
            await service.wait()


if __name__ == "__main__":
    asyncio.run(main())
