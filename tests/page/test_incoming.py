"""Links that are pasted or dropped anywhere, and lines of the form as people write them."""

import json
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import event
from tests.page.conftest import OpenPage
from tests.page.gestures import transfer
from tests.page.rows import row
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def box(page: Page) -> Locator:
    return page.get_by_label("Add downloads")


async def test_a_text_with_links_is_pasted_anywhere_and_fills_the_form(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await box(page).fill("https://example.org/first")
    text = "See https://example.org/a.iso, and (https://example.org/b.iso).\nNot this, but HTTP://example.org/c_(1).zip"
    assert await transfer(page, "paste", {"text/plain": text})
    links = ["first", "a.iso", "b.iso"]
    await expect(box(page)).to_have_value(
        "\n".join([f"https://example.org/{name}" for name in links] + ["HTTP://example.org/c_(1).zip"])
    )
    await expect(box(page)).to_be_focused()
    await expect(page.locator("#add-button")).to_have_text("Add 4")
    await expect(page.get_by_role("status")).to_contain_text("3 addresses filled in.")
    assert stub.posted == []


async def test_a_paste_without_links_or_into_a_field_is_left_alone(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "queued"))
    await expect(row(page)).to_be_visible()
    assert not await transfer(page, "paste", {"text/plain": "no link here, e.g. none"})
    assert not await transfer(page, "paste", {"text/plain": "https://example.org/a"}, "#search")
    assert not await transfer(page, "paste", {"text/plain": "https://example.org/a"}, "#urls")
    await expect(box(page)).to_have_value("")


@pytest.mark.parametrize(
    ("formats", "value"),
    [
        ({"text/uri-list": "# a comment\r\nhttps://example.org/a\r\nhttps://example.org/b", "text/plain": "x"}, "ab"),
        ({"text/plain": "https://example.org/a https://example.org/a"}, "a"),
        ({"text/plain": "two links", "text/html": "<a href='https://example.org/a'>one</a><a href='#x'>y</a>"}, "a"),
    ],
)
async def test_links_are_dropped_anywhere(open_page: OpenPage, formats: dict[str, str], value: str) -> None:
    page = await open_page()
    assert await transfer(page, "dragover", formats)
    await expect(box(page)).to_have_css("outline-style", "dashed")
    assert await transfer(page, "drop", formats)
    await expect(box(page)).to_have_value("\n".join(f"https://example.org/{letter}" for letter in value))
    await expect(box(page)).to_have_css("outline-style", "solid")  # that of the focus


async def test_a_drop_without_a_link_does_not_replace_the_page(open_page: OpenPage) -> None:
    page = await open_page()
    assert await transfer(page, "drop", {"text/plain": "nothing"})
    await expect(page.get_by_role("status")).to_contain_text("There is no link in what was dropped.")
    await expect(box(page)).to_have_value("")


async def test_https_is_supplied_where_it_is_missing(open_page: OpenPage, stub: StubServer) -> None:
    expected = {
        "example.org/a.iso": "https://example.org/a.iso",
        "//example.org/a.iso": "https://example.org/a.iso",
        "localhost:8080/a": "https://localhost:8080/a",
        "HTTP://example.org/": "HTTP://example.org/",
        "ftp://example.org/a": "ftp://example.org/a",
        "magnet:?xt=urn:btih:1": "magnet:?xt=urn:btih:1",
    }
    page = await open_page()
    supplied: Any = await page.evaluate(
        f"import('./page/links.js').then(links => {json.dumps(list(expected))}.map(links.withScheme))"
    )
    assert supplied == list(expected.values())
    await box(page).fill("example.org/a.iso")
    await box(page).press("Enter")
    await expect(box(page)).to_have_value("")
    assert stub.posted == [{"url": "https://example.org/a.iso"}]


async def test_what_stands_twice_or_is_in_the_list_is_named(open_page: OpenPage, stub: StubServer) -> None:
    def answer(body: Any) -> tuple[int, object]:
        if body["url"].endswith("/old"):
            return 200, {"existing": True, "state": "complete", "name": "old.iso"}
        return 201, body

    stub.answer_post = answer
    page = await open_page()
    await box(page).fill("https://example.org/a\nexample.org/a\nhttps://example.org/old")
    await page.locator("#add-button").click()
    await expect(page.locator("#problems li")).to_have_text(
        [
            "https://example.org/a: it stood here more than once, and counts once",
            "https://example.org/old: it is in the list already as old.iso, complete; Add once more downloads it again",
        ]
    )
    await expect(box(page)).to_have_value("https://example.org/old")
    assert [body["url"] for body in stub.posted] == ["https://example.org/a", "https://example.org/old"]
