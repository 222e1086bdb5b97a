"""The form that adds downloads."""

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.page.conftest import OpenPage
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def box(page: Page) -> Locator:
    return page.get_by_label("Add downloads")


def add(page: Page) -> Locator:
    return page.locator("#add-button")


async def test_enter_adds_what_is_in_the_box(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await box(page).fill("  https://example.org/a.iso  ")
    await box(page).press("Enter")
    await expect(box(page)).to_have_value("")
    await expect(box(page)).to_be_focused()
    await expect(page.get_by_role("status")).to_contain_text("1 download added.")
    assert stub.posted == [{"url": "https://example.org/a.iso"}]


async def test_many_addresses_are_added_in_their_order(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await box(page).press_sequentially("https://example.org/1")
    await box(page).press("Shift+Enter")
    await box(page).press_sequentially("https://example.org/2")
    await expect(add(page)).to_have_text("Add 2")
    await add(page).click()
    await expect(box(page)).to_have_value("")
    await expect(add(page)).to_have_text("Add")
    assert stub.posted == [{"url": "https://example.org/1"}, {"url": "https://example.org/2"}]


async def test_a_refused_address_stays_in_the_box_beside_the_servers_words(
    open_page: OpenPage, stub: StubServer
) -> None:
    def answer(body: Any) -> tuple[int, object]:
        if body["url"].startswith("ftp"):
            return 422, {"detail": "only http and https can be downloaded <b>now</b>"}
        return 201, body

    stub.answer_post = answer
    page = await open_page()
    await box(page).fill("https://example.org/1\n\nftp://example.org/2\nhttps://example.org/3\n")
    await add(page).click()
    await expect(page.locator("#problems li")).to_have_text(
        ["ftp://example.org/2: only http and https can be downloaded <b>now</b>"]
    )
    await expect(box(page)).to_have_value("ftp://example.org/2")
    await expect(box(page)).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_role("status")).to_contain_text("2 downloads added. 1 address not added:")
    assert len(stub.posted) == 3

    stub.answer_post = lambda body: (201, body)
    await add(page).click()
    await expect(page.locator("#problems li")).to_have_count(0)
    await expect(box(page)).to_have_value("")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": "no such host: nowhere.invalid"}, "no such host: nowhere.invalid"),
        ({"detail": "url: names no host"}, "names no host"),
        ({"detail": {}}, "the server answered 400"),
        ([], "the server answered 400"),
        (None, "the server answered 400"),
    ],
)
async def test_whatever_form_an_error_has_it_is_told_in_words(
    open_page: OpenPage, stub: StubServer, body: object, words: str
) -> None:
    stub.answer_post = lambda _: (400, body)
    page = await open_page()
    await box(page).fill("https://nowhere.invalid/")
    await add(page).click()
    await expect(page.locator("#problems li")).to_have_text([words])
    await expect(box(page)).to_have_value("https://nowhere.invalid/")


async def test_a_server_that_can_not_be_reached_keeps_all_that_was_not_added(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    await page.route("**/downloads", lambda route: route.abort())
    await box(page).fill("https://example.org/1\nhttps://example.org/2")
    await add(page).click()
    await expect(page.locator("#problems li")).to_have_text(
        ["https://example.org/1: the server can't be reached; try again"]
    )
    await expect(box(page)).to_have_value("https://example.org/1\nhttps://example.org/2")


async def test_an_empty_box_says_what_belongs_there(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await add(page).click()
    await expect(page.locator("#problems li")).to_contain_text(["https://example.org/file.iso"])
    await expect(box(page)).to_be_focused()
    assert stub.posted == []
