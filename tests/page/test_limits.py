"""The limits of all workers, and their timetable."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.page.conftest import OpenPage
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

NIGHT = {"days": ["fri", "sun"], "start": "22:00", "end": "06:00", "max_speed": None, "max_downloads": 8}


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Limits of all workers")


async def opened(page: Page, name: str = "Limits") -> Page:
    await page.get_by_role("button", name=name, exact=True).click()
    await expect(dialog(page)).to_be_visible()
    return page


async def test_those_that_hold_now_are_shown_and_all_of_them_changed(open_page: OpenPage, stub: StubServer) -> None:
    stub.limits |= {"max_speed": 5_000_000, "timezone": "Europe/Berlin", "timetable": [NIGHT]}
    stub.limits_now = {"max_speed": 5_000_000, "max_downloads": 1}
    page = await opened(await open_page(), "Limits: 5.0 MB/s, 1 download")
    limits = dialog(page)
    speed, count = (limits.get_by_label(name).first for name in ("MB/s together", "Downloads at once"))
    await expect(speed).to_have_value("5")
    await expect(limits.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    night = limits.get_by_role("listitem")
    await expect(night.get_by_label("Days")).to_have_value("fri,sun")
    await expect(night.get_by_label("From")).to_have_value("22:00")
    await speed.fill("1.5")
    await count.fill("3")
    await limits.get_by_role("button", name="Add a period with other limits").click()
    work = limits.get_by_role("listitem").nth(1)
    await expect(work.get_by_label("Days")).to_be_focused()
    await work.get_by_label("Days").select_option("Saturday and Sunday")
    await work.get_by_label("Until").fill("17:30")
    await work.get_by_label("MB/s together").fill("0.2")
    assert await limits.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    await limits.get_by_role("button", name="Save").click()
    await expect(limits).to_be_hidden()
    added = {"days": ["sat", "sun"], "start": "08:00", "end": "17:30", "max_speed": 200_000, "max_downloads": None}
    assert stub.limits == {
        "max_speed": 1_500_000,
        "max_downloads": 3,
        "timezone": "Europe/Berlin",
        "timetable": [NIGHT, added],
    }

    stub.limits_now = {"max_speed": None, "max_downloads": None}
    await opened(page, "Limits: 5.0 MB/s, 1 download")
    for _ in range(2):
        await limits.get_by_role("button", name="Remove").first.click()
    for field in (speed, count):
        await field.fill("")
    await page.keyboard.press("Enter")
    await expect(limits).to_be_hidden()
    await expect(page.get_by_role("button", name="Limits", exact=True)).to_be_visible()
    assert stub.limits["timetable"] == [] and stub.limits["max_speed"] is stub.limits["max_downloads"] is None


async def test_what_makes_no_sense_is_not_sent_and_a_refusal_is_shown(open_page: OpenPage, stub: StubServer) -> None:
    page = await opened(await open_page())
    limits = dialog(page)
    speed = limits.get_by_label("MB/s together")
    await speed.fill("fast")
    await limits.get_by_role("button", name="Save").click()
    await expect(limits.get_by_role("status")).to_have_text("A number is missing, or is none.")
    await expect(speed).to_have_attribute("aria-invalid", "true")
    assert stub.limits["max_speed"] is None
    stub.limits_refusal = (403, "the token lacks the scope admin")
    await speed.fill("2")
    await limits.get_by_role("button", name="Save").click()
    await expect(limits.get_by_role("status")).to_have_text("The limits were refused: the token lacks the scope admin")
    await limits.get_by_role("button", name="Close").click()
    await expect(limits).to_be_hidden()
