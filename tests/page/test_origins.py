"""Chromium on pages of other origins: what one that is let in can do, and one that is not."""

import http.server
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext

from tests.browsers import chromium
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.signed_tokens import SECRET, token

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

# Every way in, each answered with what came of it.
TRY_ALL = """async ([service, token]) => {
    const found = {};
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const attempt = async (name, act) => {
        try { found[name] = await act(); } catch { found[name] = "refused"; }
    };
    await attempt("import", async () => typeof (await import(`${service}/page/gateway.js`)).Gateway);
    await attempt("websocket", () => new Promise((resolve, reject) => {
        const protocols = token ? ["simulcast.v1", `bearer.${token}`] : [];
        const socket = new WebSocket(`${service.replace("http", "ws")}/ws`, protocols);
        socket.onopen = () => { resolve("open"); socket.close(); };
        socket.onerror = reject;
    }));
    await attempt("stream", async () => {
        const response = await fetch(`${service}/events`, { headers });
        await response.body.cancel();
        return response.status;
    });
    await attempt("source", () => token ? "needs a header" : new Promise((resolve, reject) => {
        const source = new EventSource(`${service}/events`);
        source.onopen = () => { resolve("open"); source.close(); };
        source.onerror = reject;
    }));
    await attempt("list", async () => (await (await fetch(`${service}/downloads`, { headers })).json()).total >= 0);
    await attempt("add", async () => {
        const response = await fetch(`${service}/downloads`, {
            method: "POST",
            headers: { ...headers, "content-type": "application/json" },
            body: JSON.stringify({ url: "http://127.0.0.1:9/file" }),
        });
        const { download_id } = await response.json();
        const paused = await fetch(`${service}/downloads/${download_id}/pause`, {
            method: "POST", headers: { ...headers, "content-type": "application/json" },
        });
        const removed = await fetch(`${service}/downloads/${download_id}`, { method: "DELETE", headers });
        return [response.status, paused.status, removed.status].join();
    });
    return found;
}"""
NOTHING = dict.fromkeys(("import", "websocket", "stream", "source", "list", "add"), "refused")
ALL = {"import": "function", "websocket": "open", "stream": 200, "source": "open", "list": True}


class EmptyPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a site that Chromium finds under any name of .example."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest_asyncio.fixture(loop_scope="session")
async def context() -> AsyncIterator[BrowserContext]:
    rules = "--host-resolver-rules=MAP *.example 127.0.0.1"
    async with chromium(rules) as browser:
        yield await browser.new_context()


async def tried(context: BrowserContext, origin: str, service: FrontEnd, bearer: str = "") -> dict[str, object]:
    page = await context.new_page()
    await page.goto(origin)
    found: dict[str, object] = await page.evaluate(TRY_ALL, [f"http://127.0.0.1:{service.port}", bearer])
    return found


@pytest.mark.long
async def test_the_page_of_an_allowed_origin_does_everything_and_that_of_another_one_nothing(
    context: BrowserContext, port: int, front_end: StartFrontEnd
) -> None:
    service = await front_end(SIMULCAST_TOKEN_SECRET=SECRET, SIMULCAST_ALLOWED_ORIGINS=f"http://app.example:{port}")
    bearer = token("watch command")
    assert await tried(context, f"http://app.example:{port}", service, bearer) == ALL | {
        "source": "needs a header",
        "add": "201,200,200",
    }
    assert await tried(context, f"http://other.example:{port}", service, bearer) == NOTHING | {
        "source": "needs a header"
    }


@pytest.mark.long
async def test_a_page_of_this_machine_does_everything_without_a_setting(
    context: BrowserContext, port: int, front_end: StartFrontEnd
) -> None:
    service = await front_end()
    for name in ("localhost", "127.0.0.1"):
        assert await tried(context, f"http://{name}:{port}", service) == ALL | {"add": "201,200,200"}
    assert await tried(context, f"http://other.example:{port}", service) == NOTHING
