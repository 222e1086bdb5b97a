"""The browser client that docs/protocol.md shows, next to the page of a real front-end."""

import asyncio

import pytest
from playwright.async_api import Browser

from simulcast.broker import Broker
from tests.documents import blocks
from tests.programs import StartFrontEnd
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_ten_lines_of_html_print_what_is_published(
    browser: Browser, front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    (html,) = blocks("docs/protocol.md", "html")
    broker = Broker.connect(own_valkey.url)
    page = await (await browser.new_context()).new_page()
    texts: asyncio.Queue[str] = asyncio.Queue()
    page.on("console", lambda message: texts.put_nowait(message.text))
    await page.goto(f"http://127.0.0.1:{running.port}/health")  # in its place, so that ./page/ is the front-end's
    await page.set_content(html)
    async with asyncio.timeout(30):
        while await texts.get() != "true":  # connected
            continue
        await broker.publish({"type": "here"})
        lines = [await texts.get() for _ in range(2)]  # the event, and the answer to the command; in any order
    assert any("type: here" in text for text in lines), lines
    assert any("unknown_download" in text for text in lines), lines
    await page.context.close()
    await broker.aclose()
