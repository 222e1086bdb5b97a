"""Hostile publications on the real page: they are text, and no more."""

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.page.rows import row, slot
from tests.programs import StartFrontEnd

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARKUP = "<img src=x onerror=\"window.pwned='img'\"><script>window.pwned='script'</script>"
IDS = [
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "valueOf",
    MARKUP,
    "\"]'><svg onload=pwned=1>",
    "0",
    "a b",
]
KINDS = ["queued", "started", "progress", "paused", "resumed", "complete", "error", "cancelled"]


def hostile_event(kind: str, download_id: str, number: int) -> dict[str, object]:
    """An event with markup in each member that may hold text, and in some that may not."""
    members: dict[str, object] = {
        "type": f"download_{kind}",
        "download_id": download_id,
        "attempt": 1,
        "change": number,
    }
    members |= {"name": MARKUP, "url": "javascript:window.pwned='url'", "file_path": MARKUP, "error_message": MARKUP}
    members |= {
        "worker": MARKUP,
        "command_id": MARKUP,
        "state": MARKUP,
        MARKUP: MARKUP,
        "__proto__": {"pwned": "proto"},
    }
    return members | ({"progress": 0.5, "speed": 1} if kind == "progress" else {})


async def test_nothing_that_is_published_runs_or_becomes_an_element(front_end: StartFrontEnd, browser: Browser) -> None:
    running = await front_end()
    context = await browser.new_context()
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"http://127.0.0.1:{running.port}/")
    await expect(page.locator("#phase")).to_have_text("Live")
    for number, kind in enumerate(KINDS):
        for download_id in IDS:
            status, _ = await running.post("/channels/downloads/publish", hostile_event(kind, download_id, number))
            assert status == 200
    await running.post("/channels/downloads/publish", hostile_event("queued", "last", 0))
    await expect(slot(page, "title", "last")).to_have_text(MARKUP)
    await expect(page.locator("li.row")).to_have_count(len(IDS) + 1)
    for download_id in ("__proto__", "constructor"):
        await expect(slot(page, "title", download_id)).to_have_text(MARKUP)
        await expect(row(page, download_id)).to_have_count(1)
    await expect(page.locator("li.row :is(img, script, a:not([data-slot=save]), iframe)")).to_have_count(0)
    assert await page.evaluate("[typeof window.pwned, typeof ({}).pwned, Object.keys(Object.prototype).length]") == [
        "undefined",
        "undefined",
        0,
    ]
    assert errors == []
    await context.close()


async def test_even_markup_that_got_into_the_page_would_not_run(front_end: StartFrontEnd, browser: Browser) -> None:
    running = await front_end()
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{running.port}/")
    blocked = await page.evaluate(
        """async (markup) => {
            const violations = [];
            const note = (violation) => violations.push(violation.effectiveDirective);
            document.addEventListener("securitypolicyviolation", note);
            document.body.insertAdjacentHTML("beforeend", markup);
            const script = document.createElement("script");
            script.textContent = "window.pwned = 'inline'";
            document.body.append(script);
            const remote = document.createElement("script");
            remote.src = "https://evil.example/x.js";
            document.body.append(remote);
            for (let looks = 0; looks < 200 && new Set(violations).size < 2; looks += 1) {
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
            return [...new Set(violations)].sort();
        }""",
        MARKUP,
    )
    assert "script-src-elem" in blocked
    assert "script-src-attr" in blocked
    assert await page.evaluate("typeof window.pwned") == "undefined"
    await context.close()


async def test_the_page_is_in_nobody_elses_frame_and_nothing_is_taken_for_what_it_is_not(
    front_end: StartFrontEnd,
) -> None:
    running = await front_end()
    for path in ("/", "/downloads", "/page/page.js", "/events", "/health", "/nothing"):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        writer.close()
        assert "x-content-type-options: nosniff\r\n" in head, head
        assert ("frame-ancestors 'none'" in head) == (path == "/"), head
