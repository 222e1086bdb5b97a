"""The base alone is enough for the client: installed into an empty environment, as a user would."""

import subprocess
from pathlib import Path

import pytest

from tests.install.conftest import Built, Environment

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


@pytest.mark.long  # downloads from a package index
def test_the_base_installs_alone_and_its_client_is_importable(built: Built, tmp_path: Path) -> None:
    environment = Environment.make(tmp_path / "venv")
    environment.pip("install", "-q", built.wheel)
    subprocess.run([environment.bin / "python", "-W", "error", "-c", CHECK], check=True, cwd=tmp_path)
    packages = {line.split()[0] for line in environment.pip("list").splitlines()[2:]}
    assert packages == {"simulcast", "websockets"}
