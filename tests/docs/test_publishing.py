"""Every block of docs/publishing.md runs, and a client receives the events that it publishes."""

import asyncio
import json
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

from simulcast.broker import Broker
from tests.documents import blocks
from tests.programs import StartFrontEnd
from tests.service import ROOT, collect
from tests.valkey import Valkey

pytestmark = pytest.mark.long

PAGE = "docs/publishing.md"
PYTHON = blocks(PAGE, "python")
PUBLISHED = [
    ["download_progress", "download_complete"],
    ["download_progress"] * 3,
    ["build_finished", "chapter"],
    ["render"] * 6,
    [],
    ["invoice_paid"],
]


async def run(command: tuple[str, ...], folder: Path, **environment: str) -> str:
    """Return the output of a program that ends well."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert errors == b""
    return output.decode()


@pytest.mark.parametrize("number", range(len(PYTHON)))
async def test_a_program_publishes(number: int, front_end: StartFrontEnd, own_valkey: Valkey, tmp_path: Path) -> None:
    broker = Broker.connect(own_valkey.url)
    async with await (await front_end()).connect("?channel=downloads&channel=reports") as client:
        output = await run((sys.executable, "-c", PYTHON[number]), tmp_path, REDIS_URL=own_valkey.url)
        await broker.publish({"type": "end"}, "downloads")
        await broker.publish({"type": "end"}, "reports")
        texts = [await collect(client, '"type":"end"'), await collect(client, '"type":"end"')]
    types = [json.loads(text)["type"] for text in [*texts[0], *texts[1]]]
    assert [kind for kind in types if kind != "end"] == PUBLISHED[number]
    if "print(error)" in PYTHON[number]:
        assert [output] == blocks(PAGE, "text")
    await broker.aclose()


async def test_the_address_comes_from_the_file_of_the_embedded_server(own_valkey: Valkey, tmp_path: Path) -> None:
    _, export = blocks(PAGE, "sh")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/redis.url").write_text(own_valkey.url + "\n", encoding="utf-8")
    assert await run(("bash", "-euc", f'{export}\necho "$REDIS_URL"'), tmp_path) == own_valkey.url + "\n"
    assert "published as" in await run((sys.executable, "-c", PYTHON[0]), tmp_path, REDIS_URL="")


def test_the_install_line_names_an_extra_of_the_package() -> None:
    install, _ = blocks(PAGE, "sh")
    match = re.fullmatch(r"pip install '(\w+)\[(\w+)\]'\n", install)
    assert match
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert match[1] == project["name"]
    assert match[2] in project["optional-dependencies"]
