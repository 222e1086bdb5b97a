"""Rows of the page, their parts, and one event of each state."""

from playwright.async_api import Locator, Page

from tests.events import event
from tests.page.stub import Event


def row(page: Page, download_id: str = "a") -> Locator:
    return page.locator(f'li[data-id="{download_id}"]')


def slot(page: Page, name: str, download_id: str = "a") -> Locator:
    return row(page, download_id).locator(f'[data-slot="{name}"]')


async def dismiss(page: Page) -> None:
    """End the notice, so that what it could undo is sent. Its time may have ended it already."""
    await page.locator("#notice-dismiss").evaluate("button => button.click()")


EVERY_STATE: list[Event] = [
    event(1, "queued", "q" * 300),
    event(2, "started", "b", name="W" * 400, url=f"https://{'h' * 200}.example/"),
    event(3, "progress", "b", progress=0.5, speed=999_949_999, received_bytes=10**12, total_bytes=2 * 10**12),
    event(4, "paused", "c", received_bytes=5, total_bytes=10),
    event(5, "complete", "d", file_path="/" + "long/" * 80),
    event(6, "error", "e", error_message="x" * 400),
    event(7, "cancelled", "f"),
]

# A handshake that is really refused, as by a proxy that knows no WebSockets.
BLOCK_WEBSOCKETS = """
    window.blocked = true;
    const Real = WebSocket;
    window.WebSocket = class extends Real {
        constructor(url, protocols) {
            super(window.blocked ? url.replace(/ws(\\?|$)/, "blocked$1") : url, protocols);
        }
    };
"""
