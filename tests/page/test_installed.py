"""The page as an installed program: its manifest, what is shared with it, the bookmarklet, and its service worker."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.conditions import eventually
from tests.page.conftest import OpenPage
from tests.page.stub import PAGE, StubServer
from tests.ports import free_port
from tests.programs import StartFrontEnd
from tests.service import FrontEnd

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

# The state in which a service worker ends its installation.
HOW_IT_ENDS = """async () => {
  const registration = await navigator.serviceWorker.register("service_worker.js");
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  if (worker === null) return "redundant";
  return new Promise((tell) => {
    const look = () => ["activated", "redundant"].includes(worker.state) && tell(worker.state);
    worker.addEventListener("statechange", look);
    look();
  });
}"""
IS_ACTIVE = "navigator.serviceWorker.ready.then(({ active }) => active?.state === 'activated')"


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    yield context
    await context.close()


async def opened(context: BrowserContext, running: FrontEnd) -> Page:
    """Open the page, and wait until its service worker has all of its files."""
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{running.port}/")
    await expect(page.locator("#phase")).to_have_text("Live")
    await eventually(lambda: page.evaluate(IS_ACTIVE), "the service worker with all of its files")
    return page


async def test_chromium_reads_a_manifest_that_has_what_it_installs_by(
    context: BrowserContext, front_end: StartFrontEnd
) -> None:
    page = await opened(context, await front_end())
    devtools = await context.new_cdp_session(page)
    found = await devtools.send("Page.getAppManifest")
    assert found["errors"] == [] and found["url"].endswith("/page/manifest.webmanifest")
    manifest = json.loads(found["data"])
    assert manifest["share_target"]["action"] == manifest["start_url"] == "../"
    assert manifest["name"] and manifest["display"] == "standalone"
    [icon] = manifest["icons"]  # Chromium takes an SVG of any size; without a window it judges none
    assert (icon["sizes"], icon["type"]) == ("any", "image/svg+xml")
    answer = await page.request.get(urljoin(found["url"], icon["src"]))
    assert answer.ok and answer.headers["content-type"].startswith("image/svg+xml")


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("url=https%3A%2F%2Fexample.org%2Fa.iso&title=A%20page", ["https://example.org/a.iso"]),
        ("text=See%20https%3A%2F%2Fexample.org%2Fb%3Fx%3D1%26y", ["https://example.org/b?x=1&y"]),
        (
            "title=https%3A%2F%2Fe.org%2F1&text=https%3A%2F%2Fe.org%2F1%20https%3A%2F%2Fe.org%2F2&url=",
            ["https://e.org/1", "https://e.org/2"],
        ),
        ("url=javascript%3Aalert(1)&text=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", []),
    ],
)
async def test_what_is_shared_fills_the_form_once_and_adds_nothing(
    open_page: OpenPage, stub: StubServer, query: str, lines: list[str]
) -> None:
    page = await open_page(query=f"?{query}")
    await expect(page.locator("#urls")).to_have_value("\n".join(lines))
    await expect(page.locator("#urls")).not_to_be_focused()
    await page.keyboard.press("Enter")
    assert page.url == stub.url
    await page.reload()
    await expect(page.locator("#phase")).to_have_text("Live")
    await expect(page.locator("#urls")).to_have_value("")
    assert stub.posted == []


async def test_the_bookmarklet_opens_the_page_with_the_address_of_another_one(
    open_page: OpenPage, stub: StubServer
) -> None:
    page = await open_page()
    link = page.get_by_role("link", name="Add to Simulcast")
    script = await link.get_attribute("href")
    assert script is not None and script.startswith("javascript:")
    await link.click()
    await expect(page.locator("#notice-message")).to_contain_text("Drag this link to the bookmarks")
    elsewhere = await page.context.new_page()
    await elsewhere.goto(f"{stub.url}page/icon.svg?a=1&b=%26#c")
    async with page.context.expect_page() as opening:
        await elsewhere.evaluate(script.removeprefix("javascript:"))
    shared = await opening.value
    await expect(shared.locator("#urls")).to_have_value(f"{stub.url}page/icon.svg?a=1&b=%26#c")
    assert stub.posted == []


async def test_without_its_server_the_page_is_shown_and_only_the_page_is_kept(
    context: BrowserContext, front_end: StartFrontEnd
) -> None:
    running = await front_end()
    page = await opened(context, running)
    kept = await page.evaluate(
        "(async () => (await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys())))"
        ".flat().map(({ url }) => new URL(url).pathname))()"
    )
    own = {f"/page/{path.relative_to(PAGE)}" for path in PAGE.rglob("*.js")} - {"/page/service_worker.js"}
    assert own <= set(kept) and {path for path in kept if not path.startswith("/page/")} == {"/"}
    running.stop()
    await page.reload()
    await expect(page.locator("#phase")).to_contain_text("No connection")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert await page.evaluate("fetch('downloads').then(() => 'an answer', () => 'none')") == "none"


@pytest.mark.parametrize(("status", "is_shown"), [(502, True), (503, True), (504, True), (500, False), (403, False)])
async def test_what_a_proxy_answers_is_hidden_only_where_it_misses_the_server(
    context: BrowserContext, front_end: StartFrontEnd, status: int, is_shown: bool
) -> None:
    running = await front_end()
    page = await opened(context, running)
    running.stop()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="of the proxy")

    proxy = web.Application()
    proxy.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(proxy)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", running.port).start()
        await page.reload()
        await expect(page.locator("#urls")).to_have_count(int(is_shown))
        await expect(page.get_by_text("of the proxy", exact=True)).to_have_count(int(not is_shown))
    finally:
        await runner.cleanup()


async def test_no_file_of_another_release_is_kept_beside_those_of_one(
    context: BrowserContext, front_end: StartFrontEnd
) -> None:
    """As where a proxy lets front-ends of two releases answer in turn, during an upgrade."""
    running = await front_end()

    async def pass_on(request: web.Request) -> web.Response:
        address = f"http://127.0.0.1:{running.port}{request.path_qs}"
        async with ClientSession() as session, session.get(address) as answer:
            body = await answer.read() + (b"// another release" if request.path == "/page/links.js" else b"")
            return web.Response(body=body, headers={"content-type": answer.headers["content-type"]})

    proxy = web.Application()
    proxy.router.add_get("/{path:.*}", pass_on)
    runner = web.AppRunner(proxy)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port := free_port()).start()
        page = await context.new_page()
        await page.goto(f"http://127.0.0.1:{port}/")
        assert await page.evaluate(HOW_IT_ENDS) == "redundant"
        assert await page.evaluate("caches.match('./').then((page) => page === undefined)")
    finally:
        await runner.cleanup()


async def test_an_upgrade_is_seen_after_one_reload_and_replaces_what_is_kept(
    context: BrowserContext, front_end: StartFrontEnd
) -> None:
    older = await front_end(SIMULCAST_FILES_DIR="/nowhere")
    page = await opened(context, older)
    names = await page.evaluate("caches.keys()")
    older.stop()
    newer = await front_end(port=older.port)  # another page: it has another attribute
    await page.reload()
    await expect(page.locator("#phase")).to_have_text("Live")
    assert not await page.evaluate("'files' in document.documentElement.dataset")

    async def is_replaced() -> bool:
        kept = await page.evaluate("caches.keys()")
        return len(kept) == 1 and kept != names

    await eventually(is_replaced, "the newer files")
    newer.stop()
    await page.reload()
    await expect(page.locator("#phase")).to_contain_text("No connection")
    assert not await page.evaluate("'files' in document.documentElement.dataset")
