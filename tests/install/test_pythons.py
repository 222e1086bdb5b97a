"""The package is installed, serves, downloads and publishes on each other Python of this machine, or its only one."""

import asyncio
import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.conditions import eventually
from tests.install.conftest import Built, Environment
from tests.running_service import service

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
PUBLISH = """
import asyncio
from simulcast import notify_download_complete
print(asyncio.run(notify_download_complete("published", "/a.iso")))
"""


def interpreter(version: str) -> Path | None:
    """Return the interpreter of that version, on the PATH or beside this one, where pyenv keeps them."""
    on_path = shutil.which(f"python{version}")
    installed = sorted(Path(sys.base_prefix).parent.glob(f"{version}.*/bin/python"))
    for path in (*([Path(on_path)] if on_path else []), *installed):
        if subprocess.run([path, "-c", "import venv, ssl"], capture_output=True, check=False).returncode == 0:
            return path
    return None


FURTHER = {version: found for version in VERSIONS if version != OWN and (found := interpreter(version))}


@pytest.mark.parametrize("version", FURTHER or [OWN])
async def test_the_service_runs(version: str, built: Built, folder: Path, environment: dict[str, str]) -> None:
    subprocess.run([FURTHER.get(version, sys.executable), "-m", "venv", "--without-pip", folder / "venv"], check=True)
    installed = Environment(folder / "venv")
    installed.pip("install", f"{built.wheel}[server]")
    settings = {name: text for name, text in environment.items() if name != "PYTHONPATH"}
    settings["SIMULCAST_ALLOW_NETWORKS"] = "127.0.0.0/8"
    async with service(folder, settings, command=(str(installed.bin / "simulcast"), "up")) as running:
        await running.up()
        base = f"http://127.0.0.1:{running.port}"

        def request(path: str, body: object = None) -> dict[str, list[dict[str, object]]]:
            data = None if body is None else json.dumps(body).encode()
            asked = urllib.request.Request(base + path, data, {"content-type": "application/json"})  # noqa: S310
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
                read: dict[str, list[dict[str, object]]] = json.load(answer)
                return read

        await asyncio.to_thread(request, "/downloads", {"url": f"{base}/health"})

        async def is_complete() -> bool:
            (record,) = (await asyncio.to_thread(request, "/downloads"))["downloads"]
            return record["state"] == "complete"

        await eventually(is_complete, "the end of the download")
        command = (installed.bin / "python", "-c", PUBLISH)
        done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        shown = await asyncio.to_thread(request, "/channels/downloads/state")
        assert "published" in json.dumps(shown)
        assert await running.stop() == 0
    assert "Traceback" not in running.out + running.err
