"""Node, Chromium, and the real server as their scripts see it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route

from tests.controlled_server import ControlledServer
from tests.service import ROOT
from tests.tools import program_path

HERE = Path(__file__).parent
NODE_S = 60
Node = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs one test file; fails with its output."""
    path = program_path("node", "nodejs (20 or newer)")

    async def run(file: str, **environment: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(path, "--experimental-websocket", "--test", "--test-reporter=spec", str(HERE / file)),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(NODE_S):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            output, _ = await process.communicate()
            pytest.fail(f"{file} did not end within {NODE_S} s:\n{output.decode()}")
        assert process.returncode == 0, output.decode()
        return output.decode()

    return run


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, controlled_server: ControlledServer) -> AsyncIterator[Page]:
    """A page that the server itself gave: Chromium lets no page of unknown origin connect to this machine.

    The repository's modules are below /modules/.
    """

    async def serve(route: Route) -> None:
        path = ROOT / route.request.url.partition("/modules/")[2]
        await route.fulfill(path=path, content_type="text/javascript")

    page = await browser.new_page()
    await page.route("**/modules/**", serve)
    await page.expose_function("ask", controlled_server.do)
    await page.goto(f"http://127.0.0.1:{controlled_server.port}/health")
    yield page
    await page.close()
