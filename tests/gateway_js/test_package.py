"""The npm package as `npm pack` makes it: installed, and used in Node and in Chromium against the real server."""

import asyncio
import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from playwright.async_api import Page, Route

from app.routes.page import GATEWAY, GATEWAY_FILES
from tests.controlled_server import ControlledServer
from tests.documents import blocks
from tests.gateway_js.conftest import HERE, NODE_S
from tests.service import ROOT
from tests.tools import program_path

PACKAGE = json.loads((GATEWAY / "package.json").read_text(encoding="utf-8"))
USE_IN_NODE = f"""
import * as installed from "simulcast-gateway";
import {{ use }} from "{(HERE / "package.js").as_uri()}";
await use(installed, process.env.PORT);
console.log("used");
"""
USE_IN_PAGE = """async ([entry, port]) => {
    const { use } = await import("/modules/tests/gateway_js/package.js");
    await use(await import(`/installed/${entry}`), port);
    return "used";
}"""
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package is installed."""
    npm = program_path("npm", "npm")
    folder = tmp_path_factory.mktemp("package")
    environment = {**os.environ, "npm_config_cache": str(folder / "cache"), "npm_config_update_notifier": "false"}

    def run(*words: str) -> str:
        command = [npm, *words]
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    (folder / "package.json").write_text('{"type": "module"}')
    packed = json.loads(run("pack", str(GATEWAY), "--json"))
    (tarball,) = folder.glob("*.tgz")
    assert packed, tarball
    run("install", "--offline", "--no-audit", "--no-fund", f"./{tarball.name}")
    return folder


async def test_the_package_has_all_modules_and_the_version_of_the_project(installed: Path) -> None:
    package = installed / "node_modules/simulcast-gateway"
    assert {path.name for path in package.iterdir()} == {*GATEWAY_FILES, "package.json", "README.md"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (PACKAGE["version"], PACKAGE["license"]) == (project["version"], project["license"])
    assert "dependencies" not in PACKAGE


async def run_in_node(installed: Path, script: str, port: int) -> str:
    file = installed / "use.mjs"
    file.write_text(script)
    process = await asyncio.create_subprocess_exec(
        *("node", "--experimental-websocket", "--no-warnings", str(file)),
        env={**os.environ, "PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(NODE_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode().strip()


async def test_it_is_used_in_node(installed: Path, controlled_server: ControlledServer) -> None:
    assert await run_in_node(installed, USE_IN_NODE, controlled_server.port) == "used"


async def test_the_program_of_the_documents_runs(installed: Path, controlled_server: ControlledServer) -> None:
    (block,) = blocks("docs/clients.md", "js")
    port = str(controlled_server.port)
    output = await run_in_node(installed, block.replace("localhost:8080", f"127.0.0.1:{port}"), controlled_server.port)
    assert output.endswith(" queued")


async def test_it_is_used_in_chromium(installed: Path, page: Page, controlled_server: ControlledServer) -> None:
    package = installed / "node_modules/simulcast-gateway"

    async def serve(route: Route) -> None:
        name = route.request.url.partition("/installed/")[2]
        if (package / name).is_file():
            await route.fulfill(path=package / name, content_type="text/javascript")
        else:
            await route.fulfill(status=404)

    await page.route("**/installed/**", serve)
    entry = PACKAGE["exports"]["."]["default"].removeprefix("./")
    assert await page.evaluate(USE_IN_PAGE, [entry, controlled_server.port]) == "used"
