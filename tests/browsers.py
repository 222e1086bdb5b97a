"""Chromium, once for each process of tests."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

# The first is Chromium without its windows: a test takes half the processor time with it.
CHROMIUM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

CHROMIUM_ARGS = [
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str:
    """Return the path of Chromium. Without it the test is skipped; where CI is set, it fails."""
    for name in CHROMIUM_NAMES:
        path = shutil.which(name)
        if path is not None and Path(path).is_file():
            return path
    reason = f"no Chromium on the PATH (looked for {', '.join(CHROMIUM_NAMES)}): apt-get install chromium"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def chromium(*arguments: str) -> AsyncIterator[Browser]:
    """Run a Chromium that doesn't hear of it when other tests change the machine's network."""
    program = Path(__file__).with_name("without_netlink.py")
    environment: dict[str, str | float | bool] = {**os.environ, "PROGRAM": chromium_path()}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=[*CHROMIUM_ARGS, *arguments], env=environment
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser
