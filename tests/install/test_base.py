"""The base alone is enough for the client: installed into an empty environment, as a user would."""

import subprocess
import sys
from pathlib import Path

from tests.service import ROOT

CHECK = """
import importlib.util, simulcast, simulcast.gateway
for package in ("redis", "fastapi", "uvicorn", "pydantic", "typer", "aiohttp"):
    assert importlib.util.find_spec(package) is None, package
simulcast.Gateway(), simulcast.gateway.Gateway()
try:
    simulcast.broadcast_message
except ModuleNotFoundError as error:
    assert "pip install 'simulcast[publish]'" in str(error), error
else:
    raise AssertionError("something publishes without its extra")
"""


def test_the_base_installs_alone_and_its_client_is_importable(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", ROOT, source], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", source], check=True)
    subprocess.run([python, "-W", "error", "-c", CHECK], check=True, cwd=tmp_path)
    listed = subprocess.run([python, "-m", "pip", "list"], check=True, capture_output=True, text=True).stdout
    assert {line.split()[0] for line in listed.splitlines()[2:]} <= {"pip", "setuptools", "simulcast", "websockets"}
