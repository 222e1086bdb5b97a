"""The filter by words and states, which shows immediately."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.rows import row, slot
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def search(page: Page) -> Locator:
    return page.get_by_label("Search")


def states(page: Page) -> Locator:
    return page.get_by_label("Show which state")


def titles(page: Page) -> Locator:
    return page.locator("li.row:visible .title")


async def test_words_of_name_and_address_are_found_in_any_order_and_case(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(
        event(1, "started", "a", name="Debian 13.iso", url="https://mirror.example.org/x"),
        event(2, "started", "b", name="debian 12.iso", url="https://other.example.net/y"),
        event(3, "started", "c", url="https://mirror.example.org/kernel.tar.xz"),
    )
    await expect(page.locator("#count")).to_have_text("3 jobs")
    await search(page).fill("  MIRROR deb ")
    await expect(titles(page)).to_have_text(["Debian 13.iso"])
    await expect(page.locator("#count")).to_have_text("1 of 3 jobs")
    await search(page).fill("kernel")
    await expect(titles(page)).to_have_text(["kernel.tar.xz"])
    await search(page).fill("")
    await expect(titles(page)).to_have_text(["kernel.tar.xz", "debian 12.iso", "Debian 13.iso"])


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("All", "bacfed"),
        ("Active", "bac"),
        ("Queued", "a"),
        ("Running", "b"),
        ("Paused", "c"),
        ("Complete", "d"),
        ("Failed", "e"),
        ("Cancelled", "f"),
    ],
)
async def test_a_state_shows_what_is_in_it(open_page: OpenPage, stub: StubServer, choice: str, names: str) -> None:
    page = await open_page()
    kinds = ["queued", "started", "paused", "complete", "error", "cancelled"]
    await stub.send(*[event(n, kind, "abcdef"[n], name="abcdef"[n]) for n, kind in enumerate(kinds)])
    await expect(page.locator("li.row")).to_have_count(6)
    await states(page).select_option(choice)
    await expect(titles(page)).to_have_text(list(names))


async def test_rows_come_and_go_as_their_state_does_and_the_focus_finds_a_neighbour(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await stub.send(*[event(n, "started", name, name=name) for n, name in enumerate("abc", 1)])
    await states(page).select_option("Running")
    await row(page, "b").get_by_role("button", name="Pause b").focus()
    await stub.send(event(4, "paused", "b"))
    await expect(titles(page)).to_have_text(["c", "a"])
    await expect(row(page, "a").get_by_role("button", name="Pause a")).to_be_focused()
    await stub.send(event(5, "resumed", "b"), event(6, "queued", "d"), event(7, "started", "e", name="e"))
    await expect(titles(page)).to_have_text(["e", "c", "b", "a"])
    await expect(page.locator("#count")).to_have_text("4 of 5 jobs")


async def test_a_slash_goes_to_the_search_except_where_one_types(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await page.keyboard.press("/")  # nothing to search in yet
    await stub.send(event(1, "queued"))
    await expect(row(page)).to_be_visible()
    await page.keyboard.press("/")
    await expect(search(page)).to_be_focused()
    await expect(search(page)).to_have_value("")
    await page.keyboard.type("a/b")
    await expect(search(page)).to_have_value("a/b")
    await page.get_by_label("Add downloads").focus()
    await page.keyboard.type("https://")
    await expect(page.get_by_label("Add downloads")).to_have_value("https://")
    await search(page).fill("")
    await row(page).evaluate("row => row.focus()")
    await page.keyboard.press("Control+/")
    await expect(search(page)).not_to_be_focused()


async def test_when_nothing_matches_one_press_shows_all_again(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "queued", name="n"))
    await states(page).select_option("Failed")
    await search(page).fill("zzz")
    await expect(page.get_by_text("Nothing matches.")).to_be_visible()
    await expect(page.get_by_text("Nothing here yet")).to_be_hidden()
    await expect(page.get_by_role("status")).to_contain_text("0 of 1 job shown.")
    await page.get_by_role("button", name="Show all").click()
    await expect(slot(page, "title")).to_be_visible()
    await expect(search(page)).to_be_focused()
    await expect(page.get_by_text("Nothing matches.")).to_be_hidden()
