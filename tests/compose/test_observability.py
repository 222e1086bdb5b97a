"""Dashboard, alerts and docs/metrics.md: every query parses, and asks only for what a front-end really tells."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import cast
from urllib.request import urlopen

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.compose.stack import ROOT
from tests.docs.test_documents import blocks
from tests.ports import free_port
from tests.programs import StartFrontEnd

FOLDER = ROOT / "deploy/observability"
# What a metric's type adds to its name.
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""], "info": ["_info"]}
OF_PROMETHEUS = {"up", "ALERTS"}


def queries() -> dict[str, str]:
    """What is asked, by who asks."""
    found: dict[str, str] = {}
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]:
        found |= {rule["alert"]: rule["expr"] for rule in group["rules"]}
    board = json.loads((FOLDER / "simulcast.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        found |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    found |= {note["name"]: note["expr"] for note in board["annotations"]["list"]}
    return found | {query: query for block in blocks("docs/metrics.md", "promql") for query in block.splitlines()}


def selectors(query: str) -> Iterator[promql_parser.VectorSelector]:
    """Every selection of series in it. Raises ValueError where it is no PromQL."""
    found: list[promql_parser.VectorSelector] = []

    def note(node: object) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    promql_parser.walk(promql_parser.parse(query.replace("$__rate_interval", "1m")), note)
    yield from found


async def test_dashboard_and_alerts_ask_only_for_metrics_and_labels_that_a_front_end_tells(
    front_end: StartFrontEnd,
) -> None:
    port = free_port()
    running = await front_end(SIMULCAST_ADMIN_PORT=str(port))
    async with await running.connect():
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    told = {family.name + suffix for family in families for suffix in SUFFIXES[family.type]}
    labels: dict[str, set[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        labels.setdefault(sample.name, {"job", "instance"}).update(sample.labels)
    asked = {(by, selector) for by, query in queries().items() for selector in selectors(query)}
    assert len(asked) > 30
    assert {(by, each.name) for by, each in asked if each.name not in told | OF_PROMETHEUS} == set()
    wanted = [(by, each.name, label.name) for by, each in asked for label in each.matchers.matchers]
    assert [each for each in wanted if each[1] in labels and each[2] not in labels[each[1]]] == []


def promtool(*arguments: str) -> str:
    """What it says. Without it the test is skipped, but fails where CI is set: there it must not be missing."""
    path = shutil.which("promtool")
    if path is None:
        reason = "no promtool on the PATH: apt-get install prometheus"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([path, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_takes_its_configuration_and_the_alerts() -> None:
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_none_on_a_quiet_day() -> None:
    fired = set(re.findall(r'alertname="(\w+)"', (FOLDER / "alerts.test.yml").read_text(encoding="utf-8")))
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert fired == {rule["alert"] for rule in rules}
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


def test_grafana_finds_the_dashboard_and_asks_the_prometheus_of_the_same_project() -> None:
    (source,) = yaml.safe_load((FOLDER / "datasource.yml").read_text(encoding="utf-8"))["datasources"]
    text = (FOLDER / "simulcast.json").read_text(encoding="utf-8")
    assert set(re.findall(r'"type": "prometheus",\s*"uid": "(\w+)"', text)) == {source["uid"]}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert source["url"] == "http://prometheus:9090"
    assert services["app"]["environment"]["SIMULCAST_ADMIN_PORT"] == str(scraped_port())
    assert services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in {
        volume.split(":")[1] for volume in services["grafana"]["volumes"]
    }


def scraped_port() -> int:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    (found,) = config["scrape_configs"][0]["dns_sd_configs"]
    assert found["names"] == ["app"]
    return cast(int, found["port"])
