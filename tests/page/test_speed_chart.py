"""The line of the total speed."""

import re

import pytest
from playwright.async_api import expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALTERNATIVE = "Total speed in the last minute: {} now, {} at most."


async def test_a_line_is_scaled_to_its_highest_and_ends_at_the_present(open_page: OpenPage) -> None:
    page = await open_page(live=False)
    lines = await page.evaluate(
        """async () => {
          const { linePath } = await import("./page/speed_chart.js");
          return [linePath([{ at: 0, speed: 0 }, { at: 30_000, speed: 500 }, { at: 60_000, speed: 250 }], 60_000),
            linePath([{ at: 59_000, speed: 0 }, { at: 60_000, speed: 0 }], 60_000)];
        }"""
    )
    assert lines == ["M0 23L60 1L120 12", "M118 23L120 23"]


async def test_the_chart_moves_once_a_second_and_forgets_what_is_older_than_a_minute(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(clock=True)
    await stub.send(event(1, "progress", progress=0.1, speed=8_000_000))
    await expect(slot(page, "speed")).to_have_text("8.0 MB/s")
    drawn = []
    for _ in range(4):
        await page.clock.run_for(1_000)
        drawn.append(await page.locator("#chart-line").get_attribute("d"))
    assert len(set(drawn)) == 4
    await stub.send(event(2, "complete"))
    await expect(slot(page, "state")).to_have_text("Complete")
    await page.clock.run_for(20_000)
    words = page.locator("#chart-description")
    await expect(words).to_have_text(ALTERNATIVE.format("0 B/s", "8.0 MB/s"))
    for n in range(4):
        await page.clock.run_for(14_000)
        await stub.send({"type": "position", "position": f"1790000000000-{n + 3}"}, event(n + 3, "queued", f"{n}"))
        await expect(slot(page, "state", f"{n}")).to_have_text("Queued")
    await expect(words).to_have_text(ALTERNATIVE.format("0 B/s", "0 B/s"))
    line = await page.locator("#chart-line").get_attribute("d")
    assert line is not None
    assert 50 <= line.count("L") <= 60


async def test_where_motion_is_unwelcome_the_chart_moves_every_ten_seconds(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page(scheme="still", clock=True)
    await page.clock.run_for(1_000)
    await expect(page.locator("#chart-line")).to_have_attribute("d", re.compile("M"))
    drawn = []
    for _ in range(20):
        await page.clock.run_for(1_000)
        drawn.append(await page.locator("#chart-line").get_attribute("d"))
    assert 2 <= len(set(drawn)) <= 3


async def test_the_chart_is_words_for_screen_readers_and_none_of_them_interrupts(open_page: OpenPage) -> None:
    page = await open_page()
    await expect(page.locator("svg.chart")).to_have_attribute("aria-hidden", "true")
    words = page.locator("#chart-description")
    await expect(words).to_have_text(ALTERNATIVE.format("0 B/s", "0 B/s"))
    assert await words.evaluate("words => words.closest('[aria-live], [role=status]')") is None
