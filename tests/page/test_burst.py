"""Thousands of events in one message."""

import itertools

import pytest
from playwright.async_api import expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import slot
from tests.page.stub import Event, StubServer, as_text

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

COUNT = 1_000
TURNS = 5
ENDED = 10


async def test_a_burst_loses_neither_an_end_nor_a_last_state(open_page: OpenPage, stub: StubServer) -> None:
    stub.recovered = True
    page = await open_page()
    offsets = itertools.count(1)

    def moves(turn: int, count: int) -> list[Event]:
        members = {"progress": turn / 10, "speed": turn * 10_000, "total_bytes": 1_000_000}
        return [event(next(offsets), "progress", f"d{number}", **members) for number in range(count)]

    burst = [one for turn in range(1, TURNS) for one in moves(turn, COUNT)]
    burst += [event(next(offsets), "complete", f"d{number}", file_path="/f") for number in range(COUNT - ENDED, COUNT)]
    burst += moves(TURNS, COUNT - ENDED)
    await stub.send("\x1e".join(map(as_text, burst)))
    await expect(page.locator("#active")).to_have_text(f"{COUNT - ENDED} active")
    await expect(page.locator("#speed")).to_have_text("49.5 MB/s")
    await expect(page).to_have_title(f"50 % · {COUNT - ENDED} active · Simulcast")
    await expect(page.locator("#count-ended")).to_have_text(str(ENDED))
    await expect(slot(page, "percent", f"d{COUNT - ENDED - 1}")).to_have_text("50 %")
    stub.cut()
    await stub.connections(2, 60)
    assert stub.sinces[1] == burst[-1]["event_id"]
