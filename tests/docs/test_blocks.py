"""Every block of code in a document runs, or is read by the program that it is for."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest
import yaml

from simulcast.broker import Broker
from simulcast.model.events import complete_event
from simulcast.settings.shared import RENAMED
from tests.documents import DOCUMENTS, blocks
from tests.programs import StartFrontEnd
from tests.service import ROOT
from tests.valkey import Valkey

SECRET = "a secret of at least thirty-two bytes"
# By whom a block is run. Dart isn't (docs/flutter.md says so); of text there is nothing to run.
RUN_BY = {
    "sh": "here, tests/compose/test_compose.py and tests/docs/test_documents.py",
    "python": "here and tests/examples/test_examples.py",
    "json": "tests/docs/test_contract.py",
    "html": "tests/page/test_example.py",
    "nginx": "tests/docs/test_proxies.py",
    "caddy": "tests/docs/test_proxies.py",
    "haproxy": "tests/docs/test_proxies.py",
    "yaml": "here",
    "promql": "tests/compose/test_observability.py",
    "dart": "",
    "text": "",
}


def environment(scratch: Path, redis_url: str) -> dict[str, str]:
    """As in a clone in which `make up` has run: its programs are in .venv/bin."""
    (scratch / ".venv").mkdir()
    programs = Path(sys.executable).parent
    (scratch / ".venv/bin").symlink_to(programs)
    path = f"{programs}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_block_is_of_a_kind_that_is_run(document: Path) -> None:
    fences = re.findall(r"^ *```(.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences[::2]) <= set(RUN_BY)
    assert set(fences[1::2]) <= {""}


@pytest.mark.parametrize("document", ["docs/index.md", "docs/troubleshooting.md"])
async def test_what_is_to_be_typed_works(
    document: str, front_end: StartFrontEnd, own_valkey: Valkey, tmp_path: Path
) -> None:
    running = await front_end()
    given = environment(tmp_path, own_valkey.url)
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in lines:
        if target := re.fullmatch(r"make (\w+)", line):
            assert re.search(rf"^{target[1]}:", makefile, re.MULTILINE)
            continue
        command = line.replace("8080", str(running.port))
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euc", command),
            cwd=tmp_path,
            env=given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
        assert process.returncode == 0, f"{line}: {said.decode()}"
        assert said.strip() or "demo" in line, line


@pytest.mark.parametrize("document", ["docs/index.md", "docs/access.md"])
async def test_what_is_to_be_written_in_python_works(
    document: str, front_end: StartFrontEnd, own_valkey: Valkey, tmp_path: Path
) -> None:
    tokens = {"SIMULCAST_TOKEN_SECRET": SECRET} if document == "docs/access.md" else {}
    running = await front_end(**tokens)
    given = environment(tmp_path, own_valkey.url) | tokens
    broker = Broker.connect(own_valkey.url)
    for block in blocks(document, "python"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-c", block.replace("8080", str(running.port))),
            cwd=tmp_path,
            env=given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        said = asyncio.create_task(process.stdout.readline())
        try:
            async with asyncio.timeout(60):
                while not said.done():  # a watcher prints what comes, a publisher ends
                    await broker.publish(complete_event("told", "/told.iso"))
                    await asyncio.wait([said], timeout=0.2)
            watches = bool(said.result())
            assert not watches or b"/told.iso" in said.result()
        finally:
            if process.returncode is None and (not said.done() or said.result()):
                process.terminate()
            _, errors = await process.communicate()
        assert b"Traceback" not in errors, errors.decode()
        assert watches or process.returncode == 0
    await broker.aclose()


def test_what_is_yaml_is_read_as_such() -> None:
    (block,) = blocks("docs/operations.md", "yaml")
    (router,) = yaml.safe_load(block)["http"]["routers"].values()
    assert router["service"] in yaml.safe_load(block)["http"]["services"]


def test_settings_that_documents_name_exist() -> None:
    places = ("docs/settings.md", ".env.example", "docker-compose.yml")
    known = "".join((ROOT / place).read_text(encoding="utf-8") for place in places)
    for document in DOCUMENTS:
        named = set(re.findall(r"SIMULCAST_[A-Z_]+", document.read_text(encoding="utf-8")))
        if document.name == "CHANGELOG.md":
            named -= RENAMED.keys()  # it lists the old names
        assert {name for name in named if not re.search(rf"{name}\b", known)} == set(), document.name


def test_messages_that_troubleshooting_quotes_are_those_of_the_programs() -> None:
    files = [path for room in ("app", "workers", "simulcast") for path in ROOT.glob(f"{room}/**/*.py")]
    files.append(ROOT / "app/page/index.html")
    sources = "".join(path.read_text(encoding="utf-8") for path in files)
    sources = sources.replace("{SETTING}", "SIMULCAST_ALLOW_NETWORKS")
    of_phones = {"Cleartext HTTP traffic not permitted", "App Transport Security"}
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    quoted = set(re.findall(r'"([^"]+)"', re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL))) - of_phones
    assert len(quoted) >= 5
    assert [part for each in quoted for part in each.split(" … ") if part not in sources] == []


def test_what_is_json_is_json() -> None:
    for document in DOCUMENTS:
        for block in blocks(str(document.relative_to(ROOT)), "json"):
            json.loads(block)
