"""Every block of code in a document runs, or is parsed by the program that reads it."""

import asyncio
import json
import os
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from simulcast.broker import Broker
from simulcast.model.events import complete_event
from simulcast.settings.shared import RENAMED
from tests.contract_examples import FROM_CLIENT, FROM_SERVER, kind_of, parse_members
from tests.documents import DOCUMENTS, blocks
from tests.programs import StartFrontEnd
from tests.service import ROOT
from tests.valkey import Valkey

pytestmark = pytest.mark.long

OWN_TYPE = "marker"  # of events that a publisher makes up
SECRET = "a secret of at least thirty-two bytes"
# The tests that run each kind of block. Dart is parsed, not run (docs/flutter.md states that), and text cannot be.
RUN_BY = {
    "sh": "here, test_documents.py, tests/compose/test_compose.py, tests/deploy/test_chart.py, launcher/test_units.py",
    "python": "here, tests/docs/test_daemon.py, tests/examples/test_examples.py and tests/examples/test_engine.py",
    "json": "tests/docs/test_contract.py",
    "html": "tests/page/test_example.py",
    "js": "tests/gateway_js/test_package.py",
    "nginx": "tests/docs/test_proxies.py",
    "caddy": "tests/docs/test_proxies.py",
    "haproxy": "tests/docs/test_proxies.py",
    "yaml": "here, tests/deploy/test_chart.py, tests/gateway_dart/test_syntax.py",
    "promql": "tests/compose/test_observability.py",
    "dart": "tests/gateway_dart/test_syntax.py",
    "text": "",
}


def environment(scratch: Path, redis_url: str) -> dict[str, str]:
    """Return the environment of a clone after `make up`: its programs are in .venv/bin."""
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
async def test_commands_run(document: str, front_end: StartFrontEnd, own_valkey: Valkey, tmp_path: Path) -> None:
    running = await front_end()
    variables = environment(tmp_path, own_valkey.url)
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
            env=variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        assert process.returncode == 0, f"{line}: {output.decode()}"
        assert output.strip() or "demo" in line, line


@pytest.mark.parametrize("document", ["docs/index.md", "docs/access.md", "docs/clients.md"])
async def test_python_programs_run(document: str, front_end: StartFrontEnd, own_valkey: Valkey, tmp_path: Path) -> None:
    tokens = {"SIMULCAST_TOKEN_SECRET": SECRET} if document == "docs/access.md" else {}
    running = await front_end(**tokens)
    variables = environment(tmp_path, own_valkey.url) | tokens
    broker = Broker.connect(own_valkey.url)
    for block in blocks(document, "python"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-c", block.replace("8080", str(running.port))),
            cwd=tmp_path,
            env=variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        first_line = asyncio.create_task(process.stdout.readline())
        try:
            async with asyncio.timeout(60):
                while not first_line.done():  # a watcher prints events, a publisher ends
                    await broker.publish(complete_event("12345", "/shown.iso"))
                    await asyncio.wait([first_line], timeout=0.2)
            watches = bool(first_line.result())
            assert not watches or b"/shown.iso" in first_line.result()
        finally:
            if process.returncode is None and (not first_line.done() or first_line.result()):
                process.terminate()
            _, errors = await process.communicate()
        assert b"Traceback" not in errors, errors.decode()
        assert watches or process.returncode == 0
    await broker.aclose()


def test_yaml_names_a_service_that_exists() -> None:
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
    assert [part for message in quoted for part in message.split(" … ") if part not in sources] == []


def test_json_is_one_object_on_one_line() -> None:
    shown = [block for path in DOCUMENTS for block in blocks(str(path.relative_to(ROOT)), "json")]
    assert len(shown) > 50
    assert [block for block in shown if "\n" in block.strip() or not isinstance(json.loads(block), dict)] == []


def test_json_has_types_and_members_that_the_contract_has() -> None:
    known: defaultdict[str, set[str]] = defaultdict(set)
    for name, example in (FROM_SERVER | FROM_CLIENT).items():
        known[kind_of(name)] |= parse_members(example).keys()
    messages = [
        (document.name, json.loads(block))
        for document in DOCUMENTS
        for block in blocks(str(document.relative_to(ROOT)), "json")
    ]
    assert len(messages) > 50
    unknown = [
        (document, message)
        for document, message in messages
        if (kind := message.get("type") or message["action"]) != OWN_TYPE and not message.keys() <= known[kind]
    ]
    assert unknown == []
