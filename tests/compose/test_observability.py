"""Dashboard, alerts and docs/metrics.md: every query parses, and asks only for what a front-end really tells."""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conditions import eventually
from tests.documents import blocks
from tests.ports import free_port
from tests.programs import StartFrontEnd, StartWorker
from tests.service import ROOT, STOP_S
from tests.tools import program_path

FOLDER = ROOT / "deploy/observability"
# What a metric's type adds to its name.
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""], "info": ["_info"]}
OF_PROMETHEUS = {"up", "ALERTS"}
ALERTS = [
    rule["alert"]
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


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
    done = subprocess.run(
        [program_path("promtool", "prometheus"), *arguments],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_takes_its_configuration_and_the_alerts() -> None:
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_none_on_a_quiet_day() -> None:
    fired = set(re.findall(r'alertname="(\w+)"', (FOLDER / "alerts.test.yml").read_text(encoding="utf-8")))
    assert fired == set(ALERTS)
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[int], str]]:
    """Starts one with our configuration, which asks that port of this machine; returns its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(admin_port: int) -> str:
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
        config["rule_files"] = [str(FOLDER / "alerts.yml")]
        (job,) = config["scrape_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{admin_port}"]}] if job.pop("dns_sd_configs") else []
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        flags = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/series"]
        with (tmp_path / "prometheus.log").open("wb") as log:
            command = [program_path("prometheus", "prometheus"), *flags, f"--web.listen-address={address}"]
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
        return f"http://{address}"

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=STOP_S)


@pytest.mark.long
async def test_prometheus_collects_from_a_front_end_and_every_query_has_an_answer(
    front_end: StartFrontEnd, worker: StartWorker, prometheus: Callable[[int], str]
) -> None:
    port = free_port()
    running = await front_end(SIMULCAST_ADMIN_PORT=str(port))
    worker()
    address = prometheus(port)

    async def answer(query: str) -> list[object]:
        asked = f"{address}/api/v1/query?{urlencode({'query': query.replace('$__rate_interval', '1m')})}"
        with await asyncio.to_thread(urlopen, asked, timeout=10) as said:
            return cast(list[object], json.load(said)["data"]["result"])

    async def has_answer(query: str) -> bool:
        try:
            return bool(await answer(query))
        except HTTPError as error:
            with error:
                if error.code != 503:  # it is starting
                    raise AssertionError(f"{query}: {error.read().decode()}") from error
        except OSError:
            pass
        return False

    async with await running.connect():
        # Rates want two samples; quantiles want events, and alerts should have no answer at all.
        await eventually(lambda: has_answer("rate(simulcast_joins_total[1m])"), "two samples", 60)
        for by, query in queries().items():
            if by in ALERTS or "histogram_quantile" in query:
                await answer(query)
            elif "recoveries" not in query and "ALERTS" not in query:
                assert await has_answer(query), f"{by}: {query}"
        assert await answer('ALERTS{alertstate="firing"}') == []


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
