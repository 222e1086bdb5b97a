"""Helm, as tests of the chart run it."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from tests.service import ROOT
from tests.tools import program_path

CHART = ROOT / "deploy/helm/simulcast"
RELEASE, NAMESPACE = "live", "media"
TEMPLATE = ("template", "--kube-version", "1.33.0")
# The least that the chart wants: a Redis, and a word on who may connect.
MINIMUM: Mapping[str, object] = {
    "redis": {"url": "redis://redis.example:6379/0"},
    "frontEnds": {"existingSecret": "access"},
}
Values = Mapping[str, object]
Document = dict[str, object]


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Helm, however it ends: of the environment, or of the PATH. Without either the test is skipped."""
    own = Path(sys.executable).with_name("helm")
    program = own if own.exists() else program_path("helm", remedy="see https://helm.sh/docs/intro/install")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=200, check=False)


def template(values: Values, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Render the chart with these values, or fail as Helm does; `folder` is for the values."""
    file = folder / "values.yaml"
    file.write_text(json.dumps(values))  # which is YAML
    return helm(*TEMPLATE, RELEASE, CHART, "--namespace", NAMESPACE, "--values", file, *arguments)


def render(values: Values, folder: Path) -> list[Document]:
    """Return the documents that the chart becomes with these values, on top of the minimum."""
    done = template({**MINIMUM, **values}, folder)
    assert done.returncode == 0, done.stderr
    return [parse(text) for text in split(done.stdout)]


def split(output: str) -> list[str]:
    """Split the output of `helm template` into its documents, without the comment that names their source."""
    return [text.split("\n", 1)[1] for text in output.removeprefix("---\n").split("\n---\n") if text.strip()]


@cache
def parse(text: str) -> Document:
    """Parse a document; treat it as frozen."""
    document: Document = yaml.load(text, yaml.CSafeLoader)
    return document


def at(document: object, *path: str | int) -> object:
    """Return what lies at that path, None where nothing does."""
    for step in path:
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, Sequence) and isinstance(step, int):
            document = document[step]
        else:
            return None
    return document


def one(documents: Sequence[Document], kind: str, component: str) -> Document:
    """Return the only document of that kind that belongs to the component."""
    (found,) = (
        document
        for document in documents
        if document["kind"] == kind and at(document, "metadata", "labels", "app.kubernetes.io/component") == component
    )
    return found


def container(document: Document) -> Document:
    """Return the one container of a Deployment or StatefulSet."""
    containers = at(document, "spec", "template", "spec", "containers")
    assert isinstance(containers, list)
    (only,) = containers
    assert isinstance(only, dict)
    return only


def environment(document: Document) -> dict[str, object]:
    """Return the environment of the one container: texts, and what takes their place."""
    entries = container(document)["env"]
    assert isinstance(entries, list)
    names = [entry["name"] for entry in entries]
    assert len(names) == len(set(names))
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in entries}
