"""The page in other languages than English, chosen by the browser or on the page; Arabic from right to left."""

import pytest
from playwright.async_api import expect

from tests.page.conftest import OpenPage
from tests.page.rows import SIX, row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_a_walk_in_german(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page(language="de-AT")
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await stub.send(*SIX)
    await expect(slot(page, "state", "a")).to_have_text("Lädt")
    await expect(slot(page, "size", "a")).to_have_text("280 / 666 MB")
    await expect(slot(page, "speed", "a")).to_have_text("12,3 MB/s")
    await expect(page.locator("#heading-waiting")).to_have_text("Wartend 2")
    await expect(page.locator("#count")).to_have_text("6 Aufträge")
    await row(page, "d").get_by_role("button", name="missing.zip löschen").click()
    await expect(page.locator("#notice-message")).to_have_text("missing.zip: aus der Liste entfernt.")
    await page.get_by_role("button", name="Rückgängig").click()
    await row(page, "b").get_by_role("checkbox", name="archive (1).tar.gz auswählen").check()
    await expect(page.locator("#selection-count")).to_have_text("1 ausgewählt")
    await expect(page.get_by_role("button", name="1 fortsetzen")).to_be_visible()
    await page.get_by_role("button", name="Hinzufügen", exact=True).click()
    await expect(page.locator("#problems")).to_contain_text("Bitte die Adresse einer Datei eingeben")
    await page.get_by_role("button", name="debian-13.1.0-amd64-netinst.iso", exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text("Geschwindigkeit")


async def test_the_choice_of_a_language_outlasts_a_reload(open_page: OpenPage) -> None:
    page = await open_page(language="zh-CN", live=False)
    await expect(page.locator("#phase")).to_have_text("实时")
    await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await page.locator("#language").select_option("العربية")
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(page.locator("#phase")).to_have_text("مباشر")
    await page.locator("#language").select_option("English")
    await expect(page.locator("#phase")).to_have_text("Live")
    await expect(page.locator("html")).to_have_attribute("dir", "ltr")
    await page.get_by_label("Language").select_option("Language of the browser")
    await expect(page.locator("#phase")).to_have_text("实时")


@pytest.mark.parametrize(("tag", "expected"), [("zh-TW", "en"), ("fr", "en"), ("en-GB", "en")])
async def test_other_languages_get_english(open_page: OpenPage, tag: str, expected: str) -> None:
    page = await open_page(language=tag)
    await expect(page.locator("html")).to_have_attribute("lang", expected)
