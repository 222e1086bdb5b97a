"""The extras for other people's programs work with the oldest packages that they allow, and beside a Celery."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.documents import blocks
from tests.install.conftest import Built, Environment
from tests.service import ROOT
from tests.valkey import Valkey

pytestmark = pytest.mark.long  # downloads from a package index

BROUGHT = {
    *("simulcast", "websockets", "redis"),
    *("pydantic", "pydantic-core", "annotated-types", "typing-inspection", "typing-extensions"),
}
PUBLISH = """
import asyncio, json
from importlib import metadata
from simulcast import broadcast_message, notify_download_progress, sync

async def publish():
    await broadcast_message(json.dumps({"type": "note", "text": "as text"}))
    return await notify_download_progress("12345", 0.5, 1024)

position = asyncio.run(publish())
assert sync.broadcast_message({"type": "note"}).offset == position.offset + 1
print({name: metadata.version(name) for name in ("redis", "pydantic")})
"""


def oldest(*extras: str) -> list[str]:
    """Return each requirement of the base and of those extras in its oldest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    bounds = [re.match(r"([\w-]+)>=([\d.]+)", line) for line in requirements if not line.startswith("simulcast[")]
    assert all(bounds), requirements
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]


def run(environment: Environment, folder: Path, redis_url: str, *arguments: str) -> str:
    """Run Python in the environment, and return its output."""
    command = [str(environment.bin / "python"), *arguments]
    settings = {**os.environ, "REDIS_URL": redis_url}
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_worker_publishes_with_the_oldest_packages(built: Built, valkey: Valkey, tmp_path: Path) -> None:
    environment = Environment.make(tmp_path / "venv")
    environment.pip("install", f"{built.wheel}[publish]", *oldest("publish"))
    assert "'redis': '5.0.3'" in run(environment, tmp_path, valkey.url, "-W", "error", "-c", PUBLISH)


def test_an_application_serves_clients_with_the_oldest_packages(built: Built, tmp_path: Path) -> None:
    environment = Environment.make(tmp_path / "venv")
    client = "httpx==0.27.2"  # what the TestClient of that Starlette needs
    environment.pip("install", f"{built.wheel}[frontend,testing]", client, *oldest("publish", "frontend"))
    _, after, _, _, _, conftest, tests = blocks("docs/embedding.md", "python")
    for name, text in {"daemon_main.py": after, "conftest.py": conftest, "test_live.py": tests}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert "1 passed" in run(environment, tmp_path, "", "-m", "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.parametrize(
    "neighbour",
    [
        *("celery[redis]", "rq", "taskiq-redis"),
        *(
            pytest.param(name, marks=pytest.mark.overnight)
            for name in (
                *("celery[redis]==5.4.0", "celery[redis]==5.5.3", "arq", "dramatiq[redis]", "faststream[redis]"),
                "channels-redis",
            )
        ),
    ],
)
def test_a_worker_has_the_extra_beside_its_own_queue(built: Built, tmp_path: Path, neighbour: str) -> None:
    environment = Environment.make(tmp_path / "venv")

    def resolve(*requirements: str) -> set[str]:
        (tmp_path / "requirements.in").write_text("\n".join(requirements))
        resolved = environment.pip("compile", "--no-header", "--no-annotate", tmp_path / "requirements.in")
        return {re.split("[ =]", line)[0] for line in resolved.splitlines()}

    brought = resolve(f"simulcast[publish] @ {built.wheel.as_uri()}", neighbour) - resolve(neighbour)
    assert {"simulcast"} <= brought <= BROUGHT
    assert len(brought - {"simulcast"}) <= 6
