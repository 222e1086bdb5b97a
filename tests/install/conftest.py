"""An sdist and a wheel of this checkout, and virtual environments with what a user installs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from uv import find_uv_bin

from tests.service import ROOT


@dataclass(frozen=True, slots=True)
class Built:
    """The wheel is built from the sdist, as a package index does it."""

    sdist: Path
    wheel: Path


class Environment:
    """A virtual environment without pip. It sees the dependencies that the tests' own environment has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))

    @classmethod
    def make(cls, folder: Path) -> Self:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        return cls(folder)

    def copy(self, folder: Path) -> "Environment":
        return Environment(shutil.copytree(self.folder, folder, symlinks=True))

    def pip(self, *arguments: str | Path) -> str:
        """Run `uv pip`, which sees this environment alone; from pip's own index, if pip is told of another one."""
        command, *others = arguments
        uv = (find_uv_bin(), "pip", command, "--quiet", "--python", self.bin / "python", *others)
        asked = subprocess.run(
            (sys.executable, "-m", "pip", "config", "get", "global.index-url"), capture_output=True, text=True
        )
        index = os.environ.get("PIP_INDEX_URL") or asked.stdout.strip()
        environment = {**os.environ, "UV_DEFAULT_INDEX": index} if index else None
        return subprocess.run(uv, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    def share_dependencies(self, shared: bool) -> None:
        link = self.site / "dependencies.pth"  # its folder's own .pth files are not read: no checkout is on the path
        link.write_text(sysconfig.get_path("purelib")) if shared else link.unlink(missing_ok=True)

    def install(self, wheel: Path) -> None:
        self.share_dependencies(False)
        self.pip("install", "--no-deps", "--no-index", wheel)
        self.share_dependencies(True)

    def uninstall(self, name: str) -> None:
        self.share_dependencies(False)
        self.pip("uninstall", name)


def build(source: Path, target: str, folder: Path) -> Path:
    """Build one distribution; the build's own requirements are in the environment of the tests."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = folder.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    sdist = build(ROOT, "sdist", folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return Built(sdist, build(folder / sdist.name.removesuffix(".tar.gz"), "wheel", folder))
