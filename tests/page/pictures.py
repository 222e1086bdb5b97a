"""Draws the pictures of the README: `python -m tests.page.pictures`."""

import asyncio
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browsers import chromium
from tests.events import event
from tests.page.stub import Event, StubServer

DOCS = Path(__file__).parents[2] / "docs"
GB = 10**9
RUNNING = (  # name, total bytes, progress, bytes per second
    ("planet-latest.osm.pbf", 84.1 * GB, 0.08, 69_500_000),
    ("debian-13.2.0-amd64-DVD-1.iso", 3.9 * GB, 0.30, 23_200_000),
    ("ubuntu-26.04-desktop-amd64.iso", 6.2 * GB, 0.62, 59_200_000),
)
QUEUED = ("dataset-2026-11.tar.zst", "fedora-43-workstation.iso", "kernel-6.18.tar.xz")


def _events() -> list[Event]:
    events: list[Event] = []

    def add(kind: str, name: str, host: str, **members: object) -> None:
        known = {"name": name, "url": f"https://{host}/{name}"}
        events.append(event(len(events) + 1, kind, name, **known, **members))

    for name, total, progress, speed in RUNNING:
        amounts = {"progress": progress, "received_bytes": int(progress * total), "total_bytes": int(total)}
        add("started", name, "releases.example.org")
        add("progress", name, "releases.example.org", speed=speed, **amounts)
    for rank, name in enumerate(QUEUED):
        add("queued", name, "mirror.example.org", queue_rank=float(rank))
    add(
        "paused",
        "blender-5.1-linux-x64.tar.xz",
        "mirror.example.org",
        received_bytes=200 * 10**6,
        total_bytes=350 * 10**6,
    )
    add("complete", "podcast-218.mp3", "media.example.org", file_path="/downloads/podcast-218.mp3")
    add("error", "archive.zip", "media.example.org", error_message="HTTP 404: Not Found.")
    return events


async def _draw(browser: Browser, stub: StubServer, path: Path, width: int, scheme: str) -> None:
    context = await browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if width < 500 else 1,
        has_touch=width < 500,
    )
    page = await context.new_page()
    await page.goto(stub.url)
    await expect(page.locator("#count-waiting")).to_have_text("4")
    await expect(page.locator("#phase")).to_have_text("Live")
    await page.wait_for_timeout(3000)  # the curve of the speed has a few points
    await page.screenshot(path=path)
    await context.close()


async def main() -> None:
    """Draw the page on a desk, and on a phone in the dark."""
    stub = StubServer()
    stub.snapshot = _events()
    await stub.start()
    async with chromium() as browser:
        await _draw(browser, stub, DOCS / "page.png", 1280, "light")
        await _draw(browser, stub, DOCS / "page-phone.png", 390, "dark")
    await stub.stop()


if __name__ == "__main__":
    asyncio.run(main())
