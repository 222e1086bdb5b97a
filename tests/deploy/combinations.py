"""Every combination of the chart's switches, rendered by few runs of Helm."""

import itertools
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from tests.deploy.helm import CHART, NAMESPACE, RELEASE, TEMPLATE, Values, helm

BATCH = 384  # combinations in one run, each as a part of a chart made for it

_TEXTS: Values = {
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "env": {"SIMULCAST_LOG": "debug", "SIMULCAST_SILENT_TTL_S": 1000000},
    "frontEnds": {
        "files": "keys",
        "annotations": {"a.example/b": "c"},
        "scheduling": {"nodeSelector": {"disk": "fast"}, "tolerations": [{"operator": "Exists"}]},
    },
    "workers": {
        "existingSecret": "worker",
        "files": "hosts",
        "annotations": {"a.example/b": "c"},
        "scheduling": {"priorityClassName": "low"},
    },
    "service": {"type": "LoadBalancer", "annotations": {"a.example/b": "c"}},
    "ingress": {"className": "nginx", "annotations": {"a.example/b": "c"}},
    "serviceMonitor": {"labels": {"team": "media"}},
    "downloads": {"storageClass": "nfs", "owner": 1000660000},
    "valkey": {"storageClass": "fast"},
}
_AXES: Sequence[Sequence[Values]] = (
    (
        {"redis": {"url": "redis://redis.example"}},
        {"redis": {"existingSecret": "redis", "key": "url"}},
        {"valkey": {"enabled": True}},
    ),
    ({"frontEnds": {"existingSecret": "access"}}, {"frontEnds": {"env": {"SIMULCAST_OPEN_TO_EVERYONE": True}}}),
    (
        {"frontEnds": {"autoscaling": {"enabled": False}}},
        {"frontEnds": {"autoscaling": {"enabled": True}}},
        {"frontEnds": {"autoscaling": {"enabled": True, "clients": 0, "cpuPercent": 80}}},
        {"frontEnds": {"autoscaling": {"enabled": True, "clients": 1000000, "cpuPercent": 80}}},
    ),
    (
        {"frontEnds": {"podDisruptionBudget": {"enabled": False}}},
        {"frontEnds": {"podDisruptionBudget": {"enabled": True}}},
    ),
    (
        {},
        {"ingress": {"enabled": True, "host": "a.example"}},
        {"ingress": {"enabled": True, "host": "a.example", "tlsSecret": "tls"}},
    ),
    ({"serviceMonitor": {"enabled": False}}, {"serviceMonitor": {"enabled": True}}),
    ({"workers": {"enabled": False}}, {"workers": {"enabled": True}}),
    ({"downloads": {"serve": False}}, {"downloads": {"serve": True}}),
    ({}, {"downloads": {"existingClaim": "media"}}),
    ({}, _TEXTS),
)


def combinations() -> list[Values]:
    """Return the values of each combination."""
    found: list[Values] = []
    for parts in itertools.product(*_AXES):
        values: dict[str, object] = {}
        for part in parts:
            values = _merged(values, part)
        found.append(values)
    return found


def _merged(values: Mapping[str, object], added: Mapping[str, object]) -> dict[str, object]:
    merged = dict(values)
    for name, value in added.items():
        former = merged.get(name)
        merged[name] = _merged(former, value) if isinstance(former, Mapping) and isinstance(value, Mapping) else value
    return merged


def rendered(all_values: Sequence[Values], folder: Path) -> Iterator[tuple[Values, list[str]]]:
    """Yield each combination with the texts of its documents."""
    for start in range(0, len(all_values), BATCH):
        yield from _rendered_together(all_values[start : start + BATCH], folder / str(start))


def _rendered_together(batch: Sequence[Values], folder: Path) -> Iterator[tuple[Values, list[str]]]:
    """Render a chart that has ours once for each combination, under another name and with its own values."""
    shutil.copytree(CHART, folder / "charts/simulcast")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["version"]
    names = [f"part{number}" for number in range(len(batch))]
    parts = [{"name": "simulcast", "version": version, "alias": name} for name in names]
    (folder / "Chart.yaml").write_text(
        json.dumps({"apiVersion": "v2", "name": "all", "version": "0.0.0", "dependencies": parts})
    )
    (folder / "values.yaml").write_text(json.dumps(dict(zip(names, batch, strict=True))))
    done = helm(*TEMPLATE, RELEASE, folder, "--namespace", NAMESPACE)
    assert done.returncode == 0, done.stderr
    texts: dict[str, list[str]] = {name: [] for name in names}
    for document in done.stdout.removeprefix("---\n").split("\n---\n"):
        source, text = document.split("\n", 1)  # "# Source: all/charts/part7/templates/worker.yaml"
        texts[source.split("/")[2]].append(text)
    return zip(batch, texts.values(), strict=True)
