"""What docker-compose.yml promises of every container, those of the profile too."""

import re
from typing import cast

import pytest
import yaml

from simulcast.settings.front_end import FrontEndSettings
from simulcast.settings.redis import setting_name
from simulcast.settings.worker import WorkerSettings
from tests.compose.settings import SET, SET_BY_THE_FILE
from tests.service import ROOT

Service = dict[str, object]
SERVICES = cast(
    dict[str, Service], yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
)


def seconds(duration: object) -> float:
    found = re.fullmatch(r"(\d+)s", str(duration))
    assert found, duration
    return float(found[1])


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_confined_watched_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name == "folder":  # root, who ends before any other begins, and reaches nothing but the folder
        assert (service["restart"], service["network_mode"], service["cap_add"]) == ("no", "none", ["CHOWN"])
    else:
        assert "cap_add" not in service
        assert service.get("user") != "0"
        assert "user" in service or "build" in service  # the Dockerfile's own user: tests/compose/test_compose.py asks
        assert service["restart"] == "unless-stopped"
        assert "healthcheck" in service
    assert {"cpus", "mem_limit", "pids_limit", "stop_grace_period"} <= set(service)
    assert cast(Service, service["logging"])["options"] == {"max-size": "10m", "max-file": "3"}


@pytest.mark.parametrize("name", SERVICES)
def test_only_nginx_and_what_only_shows_are_published_and_on_loopback_unless_told_otherwise(name: str) -> None:
    ports = cast(list[str], SERVICES[name].get("ports", []))
    assert bool(ports) == (name in ("nginx", "cluster-nginx", "prometheus", "grafana"))
    for port in ports:
        assert re.fullmatch(r"\$\{\w+:-127\.0\.0\.1:(\d+|\$\{SIMULCAST_PORT:-\d+\})\}:\d+", port)


@pytest.mark.parametrize(
    ("name", "settings_class"),
    [
        ("app", FrontEndSettings),
        ("cluster-app", FrontEndSettings),
        ("worker", WorkerSettings),
        ("cluster-worker", WorkerSettings),
    ],
)
def test_each_documented_setting_reaches_its_container(
    name: str, settings_class: type[FrontEndSettings | WorkerSettings]
) -> None:
    environment = cast(Service, SERVICES[name]["environment"])
    documented = {setting_name(attribute) for attribute in settings_class.model_fields}
    passed = {variable for variable, value in environment.items() if value is None or f"${{{variable}:" in str(value)}
    assert passed == documented - SET_BY_THE_FILE
    assert passed == set(SET["all"] | SET[name.removeprefix("cluster-")])  # tests/compose/test_compose.py sets each
    example = (ROOT / ".env.example").read_text(encoding="utf-8").replace("SIMULCAST_ADMIN_…", "SIMULCAST_ADMIN_HOST")
    assert SET_BY_THE_FILE - set(re.findall(r"\w+", example)) <= {
        "SIMULCAST_PORT",  # changes the port that nginx is published at
        "SIMULCAST_ADMIN_PORT",
        "SIMULCAST_HOST_DOWNLOAD_DIR",
    }


def test_the_plain_service_belongs_to_no_profile_and_has_nothing_of_the_cluster() -> None:
    plain = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert plain == {"redis", "app", "folder", "worker", "nginx"}
    for name in plain:
        assert "networks" not in SERVICES[name]
    assert cast(Service, SERVICES["app"]["environment"])["REDIS_URL"] == "redis://redis:6379/0"


def test_in_the_profile_everyone_names_all_servers_of_the_cluster_and_reaches_nothing_else() -> None:
    profile = {name: service for name, service in SERVICES.items() if service.get("profiles") == ["cluster"]}
    servers = [f"cluster-{n}" for n in range(1, 7)]
    assert set(profile) == {*servers, "cluster-keeper", "cluster-app", "cluster-worker", "cluster-nginx"}
    for service in profile.values():
        assert list(cast(Service, service["networks"])) == ["cluster"]
    for name in ("cluster-app", "cluster-worker"):
        assert cast(Service, profile[name]["environment"])["REDIS_URL"] == f"redis+cluster://{','.join(servers)}"
    assert [profile[name]["volumes"] for name in servers] == [[f"{name}:/data"] for name in servers]
    for name in servers:  # nothing is kept otherwise than by the one Valkey
        assert set(cast(list[str], SERVICES["redis"]["command"])) <= set(cast(list[str], profile[name]["command"]))
    keeper = (ROOT / "deploy/cluster.sh").read_text(encoding="utf-8")
    assert f'servers="{" ".join(servers)}"' in keeper


def test_the_file_for_files_lets_front_ends_read_the_folder_that_workers_write_and_no_more() -> None:
    beside = yaml.safe_load((ROOT / "deploy/files.yml").read_text(encoding="utf-8"))["services"]
    mounted = {name: cast(list[Service], SERVICES[name]["volumes"]) for name in ("app", "folder", "worker")}
    (written,) = (volume for volume in mounted["worker"] if volume["target"] == "/downloads")
    assert beside == {
        "app": {"environment": {"SIMULCAST_FILES_DIR": written["target"]}, "volumes": [{**written, "read_only": True}]}
    }
    assert cast(Service, SERVICES["worker"]["environment"])["SIMULCAST_DOWNLOAD_DIR"] == written["target"]
    assert mounted["folder"] == [written]
    assert "/downloads" not in [volume["target"] for volume in mounted["app"]]
