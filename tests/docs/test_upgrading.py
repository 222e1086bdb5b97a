"""The commands of docs/upgrading.md move `simulcast up` with its downloads to another folder, as to another machine."""

import asyncio
import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.conditions import eventually
from tests.documents import blocks
from tests.running_service import RunningService, service

pytestmark = pytest.mark.long


def downloads(running: RunningService) -> list[dict[str, object]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/downloads", timeout=10) as answer:
        found: list[dict[str, object]] = json.load(answer)["downloads"]
        return found


async def test_the_service_moves_with_its_downloads_and_files(folder: Path, environment: dict[str, str]) -> None:
    pack, unpack = (block for block in blocks("docs/upgrading.md", "sh") if "service.tar" in block)
    old, new = folder / "old", folder / "new"
    for machine in (old, new):
        machine.mkdir()
    environment |= {"SIMULCAST_ALLOW_NETWORKS": "127.0.0.0/8"}
    async with service(old, environment) as running:
        await running.up()
        body = json.dumps({"url": f"http://127.0.0.1:{running.port}/health"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{running.port}/downloads", body, {"content-type": "application/json"}
        )
        (await asyncio.to_thread(urllib.request.urlopen, request, timeout=10)).close()

        async def is_complete() -> bool:
            return [each["state"] for each in await asyncio.to_thread(downloads, running)] == ["complete"]

        await eventually(is_complete, "the end of the download")
        before = await asyncio.to_thread(downloads, running)
        assert await running.stop() == 0
    subprocess.run(["bash", "-euc", pack], cwd=old, check=True)
    shutil.move(old / "service.tar", new)
    shutil.rmtree(old)
    subprocess.run(["bash", "-euc", unpack], cwd=new, check=True)
    async with service(new, environment) as running:
        await running.up()
        assert await asyncio.to_thread(downloads, running) == before
        assert (new / "downloads/health").read_bytes()
        assert await running.stop() == 0
