"""The base alone is enough for the client: installed into an empty environment, as a user would."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.install.conftest import Built, Environment
from tests.ports import free_port

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
    environment.pip("install", built.wheel)
    subprocess.run([environment.bin / "python", "-W", "error", "-c", CHECK], check=True, cwd=tmp_path)
    packages = {re.split("[ =]", line)[0] for line in environment.pip("freeze").splitlines()}
    assert packages == {"simulcast", "websockets"}


@pytest.mark.long  # downloads from a package index
def test_the_extra_cli_brings_the_commands_for_a_service_elsewhere(built: Built, tmp_path: Path) -> None:
    environment = Environment.make(tmp_path / "venv")
    environment.pip("install", built.wheel)

    def run(*arguments: str) -> tuple[int, str]:
        command = [str(environment.bin / "simulcast"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    code, text = run("--help")
    assert (code, text) == (1, "simulcast: this needs the package typer: pip install 'simulcast[cli]'\n")
    environment.pip("install", f"{built.wheel}[cli]")
    packages = {re.split("[ =]", line)[0] for line in environment.pip("freeze").splitlines()}
    assert not packages & {"redis", "fastapi", "uvicorn", "aiohttp", "httpx"} and len(packages) <= 16, packages
    url = f"http://127.0.0.1:{free_port()}"
    for arguments in (("list",), ("add", "http://example.com/a"), ("publish", "news", "{}"), ("channels",)):
        code, text = run(*arguments, "--url", url)
        assert code == 3 and text.startswith(f"simulcast: no server at {url}"), text
    code, text = run("list")
    assert code == 1 and "pip install 'simulcast[server]', or name a service elsewhere with --url" in text
