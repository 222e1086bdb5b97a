"""Rows of the page, their parts, and one event of each state."""

from playwright.async_api import Locator, Page

from tests.events import event, job_event
from tests.page.stub import Event


def row(page: Page, download_id: str = "a") -> Locator:
    return page.locator(f'li[data-id="{download_id}"]')


def slot(page: Page, name: str, download_id: str = "a") -> Locator:
    return row(page, download_id).locator(f'[data-slot="{name}"]')


async def dismiss(page: Page) -> None:
    """End the notice, so that what it could undo is sent. Its time may have ended it already."""
    await page.locator("#notice-dismiss").evaluate("button => button.click()")


def records(state: str, count: int, created_at: float) -> list[Event]:
    """Return that many, newest first, each a second older than the one before; the first is the next of the queue."""
    blank = {"url": "", "attempt": 1, "progress": 0.0, "speed": 0, "received_bytes": 0, "total_bytes": None}
    return [
        {
            **blank,
            "download_id": f"{state}{n}",
            "name": f"{state}-{n}.iso",
            "state": state,
            "created_at": created_at - n,
            "queue_rank": float(n),
        }
        for n in range(count)
    ]


EVERY_STATE: list[Event] = [
    event(1, "queued", "q" * 300),
    event(2, "started", "b", name="W" * 400, url=f"https://{'h' * 200}.example/"),
    event(3, "progress", "b", progress=0.5, speed=999_949_999, received_bytes=10**12, total_bytes=2 * 10**12),
    event(4, "paused", "c", received_bytes=5, total_bytes=10),
    event(5, "complete", "d", file_path="/" + "long/" * 80),
    event(6, "error", "e", error_message="x" * 400),
    event(7, "cancelled", "f"),
]

# One of each state whose files have names in two scripts, and a job.
SIX: list[Event] = [
    event(1, "started", "a", url="https://example.org/debian-13.1.0-amd64-netinst.iso"),
    event(2, "progress", "a", progress=0.42, speed=12_300_000, received_bytes=280_000_000, total_bytes=666_000_000),
    event(3, "paused", "b", name="archive (1).tar.gz", received_bytes=5_000_000, total_bytes=10_000_000),
    event(4, "complete", "c", name="صورة.jpg", file_path="/downloads/صورة.jpg"),
    event(5, "error", "d", name="missing.zip", error_message="HTTP 404: Not Found."),
    job_event(6, "progress", "e", name="report", kind="render", progress=0.3, done=3, total=10, unit="frames"),
    event(7, "queued", "f", name="next.iso", url="https://example.org/next.iso"),
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

# Scrolls to the end of a group as far as it is known; true once a row is there.
SCROLLED_TO = """([group, id]) => {
  document.querySelector(group).scrollIntoView({ block: "end" });
  return document.querySelector(`li[data-id="${id}"]`) !== null;
}"""

# The browser without windows has none, so that the page gets a stand-in before it turns them on.
NOTIFICATIONS = """granted => {
  window.shown = [];
  window.Notification = class extends EventTarget {
    static permission = "default";
    static requestPermission = async () => granted ? "granted" : "denied";
    constructor(title, { body }) { super(); shown.push(body); }
  };
}"""
