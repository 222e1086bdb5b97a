"""The page when one of its files fails to load, as when the network changes meanwhile."""

from functools import partial

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.conditions import until
from tests.page.conftest import until_live
from tests.page.stub import StubServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Losses:
    """Drops each request for a file while `lose` is set, or answers it as a proxy without a server does."""

    def __init__(self) -> None:
        self.lose = True
        self.lost = 0
        self.by_proxy = False

    def has_lost(self, count: int) -> bool:
        return self.lost >= count

    async def __call__(self, route: Route) -> None:
        if self.lose:
            self.lost += 1
            await (route.fulfill(status=502) if self.by_proxy else route.abort("connectionaborted"))
        else:
            await route.continue_()


@pytest.fixture
def losses() -> Losses:
    return Losses()


async def opened(browser: Browser, stub: StubServer, file: str, losses: Losses) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.clock.install()
    await page.route(f"**/page/{file}", losses)
    await page.goto(stub.url)
    await until(partial(losses.has_lost, 1), "the loss")
    return page


@pytest.mark.parametrize("file", ["page.js", "merge.js", "page.css"])
async def test_what_did_not_arrive_is_told_and_the_page_loads_itself_anew(
    browser: Browser, stub: StubServer, losses: Losses, file: str
) -> None:
    page = await opened(browser, stub, file, losses)
    if file != "page.css":  # without that alone it is live meanwhile
        await expect(page.locator("#phase")).to_have_text("Part of this page failed to load, trying again")
    losses.lose = False
    await page.clock.fast_forward(4_100)
    await expect(page.locator("body")).to_have_css("margin", "0px")
    await until_live(page)
    await page.context.close()


@pytest.mark.parametrize("by_proxy", [False, True])
async def test_while_nothing_answers_the_page_stays_and_asks_again(
    browser: Browser, stub: StubServer, losses: Losses, by_proxy: bool
) -> None:
    losses.by_proxy = by_proxy
    page = await opened(browser, stub, "page.js", losses)
    await page.evaluate("window.mark = 'the same page'")
    for expected in (2, 3):
        await page.clock.fast_forward(4_100)
        await until(partial(losses.has_lost, expected), "another attempt")
    assert await page.evaluate("window.mark") == "the same page"
    losses.lose = False
    await page.clock.fast_forward(4_100)
    await until_live(page)
    await page.context.close()
