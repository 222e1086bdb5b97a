"""The guide of the Flutter class in JavaScript, in Node and in Chromium, against the real server."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.controlled_server import ControlledServer, controlled
from tests.gateway_js.conftest import HERE, Node
from tests.service import ROOT

SCENARIOS = re.findall(r'^  "(.+)": async \(', (HERE / "guide.js").read_text(), re.MULTILINE)
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
RUN = """async ([name, port]) => {
    const world = { port };
    for (const one of ["publish", "kill", "start", "clients"]) world[one] = (...words) => window.ask(one, ...words);
    const { guide, run } = await import("/modules/tests/gateway_js/guide.js");
    await run(name, world);
    return Object.keys(guide);
}"""


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_in_node(node: Node, controlled_server: ControlledServer, scenario: str) -> None:
    async with controlled(controlled_server) as control:
        output = await node("guide.test.mjs", CONTROL=control, PORT=str(controlled_server.port), SCENARIO=scenario)
    assert "pass 1" in output, output


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_in_chromium(page: Page, controlled_server: ControlledServer, scenario: str) -> None:
    assert await page.evaluate(RUN, [scenario, controlled_server.port]) == SCENARIOS


async def test_in_a_page_it_needs_no_address(page: Page, controlled_server: ControlledServer) -> None:
    await page.evaluate("""async () => {
        const { Gateway } = await import("/modules/simulcast/gateway/gateway.js");
        await Gateway.init();
        if (!Gateway.isWebSocketConnected) throw new Error("not connected");
        if (!(await Gateway.isServerRunning)) throw new Error("not running");
        window.received = new Promise((resolve) => (Gateway.onWebSocketMessage = resolve));
    }""")
    await controlled_server.publish({"type": "here"})
    assert '"type":"here"' in await page.evaluate("window.received")


async def test_the_example_shows_what_happens(page: Page, controlled_server: ControlledServer) -> None:
    html = (ROOT / "examples/gateway_js.html").read_text().replace("8080", str(controlled_server.port))
    await page.goto(
        f"http://localhost:{controlled_server.port}/health"
    )  # the example's server is localhost, and so must its page be
    await page.set_content(html.replace('"./gateway.js"', '"/modules/simulcast/gateway/gateway.js"'))
    await expect(page.locator("#status")).to_have_text("Connected")
    await controlled_server.publish({"type": "here"})
    await expect(page.locator("#events")).to_contain_text('"type":"here"')
    await controlled_server.kill()
    await expect(page.locator("#status")).to_have_text("Lost; it comes back by itself")
