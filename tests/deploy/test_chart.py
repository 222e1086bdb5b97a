"""The chart: its values reach the programs, its pods are confined and end in order, and mistakes are refused."""

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import yaml

from simulcast.settings.front_end import FrontEndSettings
from simulcast.settings.redis import setting_name
from simulcast.settings.worker import WorkerSettings
from tests.deploy.helm import (
    CHART,
    MINIMUM,
    TEMPLATE,
    Document,
    Values,
    at,
    container,
    environment,
    helm,
    one,
    render,
    template,
)
from tests.documents import blocks
from tests.service import ROOT
from tests.valkey import Valkey

VALKEY: Values = {"redis": {}, "valkey": {"enabled": True}}
SET_BY_THE_CHART = {
    "REDIS_URL",
    "SIMULCAST_PORT",
    "SIMULCAST_ADMIN_PORT",
    "SIMULCAST_DRAIN_S",
    "SIMULCAST_FILES_DIR",
    "SIMULCAST_DOWNLOAD_DIR",
}
PROGRAMS: Mapping[str, type[FrontEndSettings | WorkerSettings]] = {
    "front-end": FrontEndSettings,
    "worker": WorkerSettings,
}


def pods(documents: list[Document]) -> list[Document]:
    found = [document for document in documents if document["kind"] in ("Deployment", "StatefulSet")]
    assert found
    return found


def test_the_linter_finds_nothing() -> None:
    done = helm("lint", "--strict", CHART)
    assert done.returncode == 0 and "[WARNING]" not in done.stdout, done.stdout


def test_the_chart_has_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]


def test_every_pod_is_confined_as_the_restricted_standard_wants_and_gets_no_addresses_of_services(
    tmp_path: Path,
) -> None:
    for document in pods(render({**VALKEY, "downloads": {"serve": True}}, tmp_path)):
        pod = cast(Document, at(document, "spec", "template", "spec"))
        assert at(pod, "securityContext", "runAsNonRoot") is True
        assert at(pod, "securityContext", "seccompProfile", "type") == "RuntimeDefault"
        assert container(document)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False  # SIMULCAST_PORT=tcp://10.0.0.1:80, for a Service named simulcast
        assert at(container(document), "resources", "limits", "memory")
        assert {key for key in pod if key.startswith("host")} == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_setting_reaches_its_program_but_those_of_the_chart(program: str, tmp_path: Path) -> None:
    names = {setting_name(attribute) for attribute in PROGRAMS[program].model_fields} - SET_BY_THE_CHART
    texts = {name: f'text of {name}, with "quotes"' for name in names}
    part = "frontEnds" if program == "front-end" else "workers"
    seen = environment(one(render({part: {"env": texts, "existingSecret": "some"}}, tmp_path), "Deployment", program))
    assert {name: seen[name] for name in names} == texts
    refused = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert set(refused["definitions"]["env"]["propertyNames"]["not"]["enum"]) == SET_BY_THE_CHART


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("values", [{}, {"ingress": {"enabled": True, "host": "a.example"}}, VALKEY])
def test_the_programs_take_what_the_chart_sets(
    program: str, values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = render({**values, "env": {"SIMULCAST_OPEN_TO_EVERYONE": True}, "downloads": {"serve": True}}, tmp_path)
    for name, text in environment(one(rendered, "Deployment", program)).items():
        monkeypatch.setenv(name, str(text))
    settings = PROGRAMS[program].from_environment()
    redis_url = "redis://live-simulcast-valkey:6379/0" if values is VALKEY else "redis://redis.example:6379/0"
    assert settings.redis_url == redis_url
    if isinstance(settings, FrontEndSettings):
        settings.check_host(settings.host)
        assert (settings.port, settings.admin_port, settings.files_dir) == (8080, 9464, "/downloads")
        assert "live-simulcast-front-end.media.svc" in settings.allowed_hosts
        assert ("a.example" in settings.allowed_hosts) == ("ingress" in values) == ("10.0.0.0/8" in settings.proxies)
    else:
        assert str(settings.download_dir) == "/downloads"


def test_settings_of_one_program_override_those_of_all_and_large_numbers_stay_whole(tmp_path: Path) -> None:
    values: Values = {
        "env": {"SIMULCAST_COMPRESSION": True, "SIMULCAST_SILENT_TTL_S": 1000000, "SIMULCAST_HOST": "::"},
        "frontEnds": {"existingSecret": "access", "env": {"SIMULCAST_COMPRESSION": False, "SIMULCAST_LOG": ""}},
    }
    rendered = render(values, tmp_path)
    seen = environment(one(rendered, "Deployment", "front-end"))
    wanted = {"COMPRESSION": "false", "SILENT_TTL_S": "1000000", "HOST": "::", "LOG": ""}
    assert {name: seen[f"SIMULCAST_{name}"] for name in wanted} == wanted
    assert environment(one(rendered, "Deployment", "worker"))["SIMULCAST_COMPRESSION"] == "true"


@pytest.mark.parametrize("drain_s", [0, 0.5, 5, 10])
def test_kubernetes_waits_for_the_drain_of_a_front_end(drain_s: float, tmp_path: Path) -> None:
    rendered = render({"frontEnds": {"existingSecret": "access", "drainSeconds": drain_s}}, tmp_path)
    front_end = one(rendered, "Deployment", "front-end")
    assert float(str(environment(front_end)["SIMULCAST_DRAIN_S"])) == drain_s
    sleep, before_s = cast(list[str], at(container(front_end), "lifecycle", "preStop", "exec", "command"))
    grace_s = at(front_end, "spec", "template", "spec", "terminationGracePeriodSeconds")
    assert sleep == "sleep" and cast(int, grace_s) >= int(before_s) + drain_s + 10  # docs/limits.md


def test_secrets_and_files_are_named_and_not_copied(tmp_path: Path) -> None:
    part = {"existingSecret": "settings", "files": "files"}
    rendered = render({"redis": {"existingSecret": "redis"}, "frontEnds": part, "workers": part}, tmp_path)
    for program in PROGRAMS:
        deployment = one(rendered, "Deployment", program)
        assert container(deployment)["envFrom"] == [{"secretRef": {"name": "settings"}}]
        assert environment(deployment)["REDIS_URL"] == {"secretKeyRef": {"name": "redis", "key": "REDIS_URL"}}
        mounts = cast(list[Document], container(deployment)["volumeMounts"])
        assert {"name": "files", "mountPath": "/etc/simulcast", "readOnly": True} in mounts


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"frontEnds": {}}, "nothing says who may connect"),
        ({"redis": {}}, "exactly one of redis.url"),
        ({"redis": {"url": "redis://a", "existingSecret": "b"}}, "exactly one of redis.url"),
        ({"valkey": {"enabled": True}}, "exactly one of redis.url"),
        ({"redis": {"url": "redis.example:6379"}}, "redis"),
        ({"ingress": {"enabled": True}}, "ingress.host"),
        (
            {"frontEnds": {"existingSecret": "a", "autoscaling": {"enabled": True, "clients": 0}}},
            "clients or cpuPercent",
        ),
        ({"frontEnds": {"existingSecret": "a", "drainSeconds": 11}}, "drainSeconds"),
        ({"frontEnds": {"existingSecret": "a", "replica": 3}}, "replica"),
        ({"env": {"SIMULCAST_PORT": "80"}}, "SIMULCAST_PORT"),
        ({"env": {"REDIS_URL": "redis://a"}}, "REDIS_URL"),
        ({"image": {"digest": "sha256:1"}}, "digest"),
        ({"worker": {"replicas": 2}}, "worker"),
    ],
)
def test_a_mistake_is_refused_with_its_name(values: Values, reason: str, tmp_path: Path) -> None:
    done = template({**MINIMUM, **values}, tmp_path)
    assert done.returncode != 0
    assert reason in done.stderr


def test_the_valkey_for_trying_is_that_of_compose_and_starts(tmp_path: Path) -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["redis"]
    server = container(one(render(VALKEY, tmp_path), "StatefulSet", "valkey"))
    arguments = cast(list[str], server["args"])
    assert server["image"] == composed["image"]
    assert set(composed["command"]) - {"valkey-server"} <= set(arguments)
    (tmp_path / "data").mkdir()
    started = Valkey(tmp_path / "data", options=[text.replace("/data", str(tmp_path / "data")) for text in arguments])
    try:
        assert started.start().admin().config_get("appendonly") == {"appendonly": "yes"}
    finally:
        started.stop()


def test_files_of_people_are_kept_and_front_ends_only_read_them(tmp_path: Path) -> None:
    rendered = render({"downloads": {"serve": True}}, tmp_path)
    claim = one(rendered, "PersistentVolumeClaim", "downloads")
    assert at(claim, "metadata", "annotations") == {"helm.sh/resource-policy": "keep"}
    (mount,) = (
        mount
        for mount in cast(list[Document], container(one(rendered, "Deployment", "front-end"))["volumeMounts"])
        if mount["name"] == "downloads"
    )
    assert mount["readOnly"] is True


def test_the_commands_and_values_of_the_page_render(tmp_path: Path) -> None:
    (values,) = blocks("docs/kubernetes.md", "yaml")
    (tmp_path / "values.yaml").write_text(values)
    installed = 0
    for block in blocks("docs/kubernetes.md", "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            program, command, *arguments = shlex.split(line)
            if (program, command) == ("helm", "install"):
                paths = [str(ROOT / each) if (ROOT / each).exists() else each for each in arguments]
                paths = [str(tmp_path / each) if each == "values.yaml" else each for each in paths]
                done = helm(*TEMPLATE, *paths)
                assert done.returncode == 0, done.stderr
                assert "trial-simulcast-front-end" in done.stdout or "registry.example.com/simulcast:" in done.stdout
                installed += 1
            else:
                assert program in ("docker", "kubectl")
                for file in re.findall(r"deploy/\S+", line):
                    assert (ROOT / file).exists()
    assert installed == 2
