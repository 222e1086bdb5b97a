"""An installed wheel runs everything, and leaves the names `app`, `workers` and `gateway` to other projects."""

import base64
import csv
import hashlib
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulcast.process_registry import ProcessRegistry
from tests.conditions import eventually
from tests.install.conftest import Built, Environment, build
from tests.ports import free_port
from tests.running_service import responds, service
from tests.service import ROOT
from tests.valkey import Valkey

PACKAGES = ("app", "workers", "gateway")
ORDERS = [("simulcast", "their-project"), ("their-project", "simulcast")]
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "their-project"
version = "1.0"
[tool.hatch.build.targets.wheel]
packages = ["app", "workers", "gateway"]
"""
IMPORTS = "import app, workers, gateway; print(app.OWNER, workers.OWNER, gateway.OWNER)"


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(listed.stdout.split())


def make_project(folder: Path) -> Path:
    """A project of somebody else, whose packages have the names of our programs. Its `main` is never ours."""
    for package in PACKAGES:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("OWNER = 'theirs'\n")
        (folder / package / "__main__.py").write_text("raise SystemExit('theirs')\n")
        (folder / package / "main.py").write_text("raise SystemExit('theirs')\n")
    (folder / "pyproject.toml").write_text(PROJECT)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def wheels(built: Built, project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"simulcast": built.wheel, "their-project": build(project, "wheel", tmp_path_factory.mktemp("theirs"))}


@pytest.fixture(scope="module", params=ORDERS, ids=" ".join)
def installed(
    request: pytest.FixtureRequest, wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """Both are installed, in one order and in the other."""
    environment = Environment.make(tmp_path_factory.mktemp("installed"))
    for name in request.param:
        environment.install(wheels[name])
    return environment


@pytest.fixture
def variables(environment: dict[str, str]) -> dict[str, str]:
    """The variables of a user, without this checkout on the path."""
    return {name: value for name, value in environment.items() if name != "PYTHONPATH"}


@contextmanager
def running(command: list[str], folder: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, cwd=folder, env=variables, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()


def is_whole(environment: Environment, name: str) -> bool:
    """Return whether each file of the distribution exists with the content that it was installed with."""
    (record,) = environment.site.glob(f"{name.replace('-', '_')}-*.dist-info/RECORD")
    with record.open(newline="") as file:
        rows = [(environment.site / path, digest) for path, digest, _ in csv.reader(file)]
    assert len(rows) > len(PACKAGES)
    return all(path.exists() and digest in ("", _digest(path)) for path, digest in rows)


def _digest(path: Path) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")


def test_a_wheel_has_one_top_level_name_and_every_file_of_the_library_and_the_programs(built: Built) -> None:
    names = zipfile.ZipFile(built.wheel).namelist()
    version = built.wheel.name.split("-")[1]
    assert {name.partition("/")[0] for name in names} == {"simulcast", f"simulcast-{version}.dist-info"}
    programs = {f"simulcast/programs/{path}" for path in tracked("app", "workers")}
    assert {name for name in names if name.startswith("simulcast/")} == tracked("simulcast") | programs


def test_an_sdist_has_what_a_wheel_is_built_from_and_no_more(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    extra = {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", ".gitignore"}
    assert names == tracked("simulcast", "app", "workers") | extra


def test_a_projects_own_packages_stay_its_own(
    installed: Environment, variables: dict[str, str], tmp_path: Path
) -> None:
    command = (installed.bin / "python", "-c", IMPORTS)
    done = subprocess.run(command, cwd=tmp_path, env=variables, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["theirs"] * 3


async def test_serve_and_work_run_ours_in_the_projects_own_folder(
    installed: Environment, variables: dict[str, str], project: Path, own_valkey: Valkey, tmp_path: Path
) -> None:
    simulcast, port = str(installed.bin / "simulcast"), free_port()
    variables |= {"REDIS_URL": own_valkey.url, "SIMULCAST_DOWNLOAD_DIR": str(tmp_path)}
    registry = ProcessRegistry.connect(own_valkey.url)

    async def both_run() -> bool:
        assert (front_end.poll(), worker.poll()) == (None, None)
        processes = await registry.processes()
        return (len(processes.front_ends), len(processes.workers)) == (1, 1)

    with (
        running([simulcast, "serve", "--port", str(port)], project, variables) as front_end,
        running([simulcast, "work"], project, variables) as worker,
    ):
        await eventually(both_run, "front-end and worker")
        assert responds(f"http://127.0.0.1:{port}/health")
    await registry.aclose()


@pytest.mark.parametrize("installed", ORDERS[1:], indirect=True, ids=" ".join)
async def test_up_serves_everything_from_a_folder_that_has_an_app_of_its_own(
    installed: Environment, variables: dict[str, str], folder: Path
) -> None:
    make_project(folder / "decoy")
    command = (str(installed.bin / "simulcast"), "up")
    async with service(folder / "decoy", variables, command=command) as up:
        await up.up()
        for path in ("/", "/page/gateway.js", "/docs", "/health"):
            assert responds(f"http://localhost:{up.port}{path}"), path
        assert await up.stop() == 0


@pytest.mark.parametrize("name", ["simulcast", "their-project"])
def test_uninstalling_one_leaves_the_other_whole(
    installed: Environment, wheels: dict[str, Path], name: str, tmp_path: Path
) -> None:
    copy = installed.copy(tmp_path / "copy")
    (other,) = wheels.keys() - {name}
    assert is_whole(copy, name) and is_whole(copy, other)
    copy.uninstall(name)
    assert is_whole(copy, other)
