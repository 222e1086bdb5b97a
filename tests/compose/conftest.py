"""Brings the project up, once for all tests of containers.

Needs Docker with Compose. In CI (the variable CI is set) an engine is started by shared/tools/compose_up.sh
where none answers, and having neither is a failure; elsewhere the tests are skipped. SIMULCAST_COMPOSE_UP
names that script.
"""

import json
import os
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.stack import FRONT_ENDS, Stack
from tests.ports import free_port
from tests.service import ROOT

HEALTHY_S = 240  # for containers, on a machine that is busy with other tests
STARTED_S = 600  # for these, and their images, which are built from nothing where none can be pulled
# Where the group of the engine weighs, in the two versions of control groups, and 64 times what one process weighs.
WEIGHTS = {"/sys/fs/cgroup/cpu/docker/cpu.shares": "65536", "/sys/fs/cgroup/docker/cpu.weight": "6400"}


def answers(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def starter() -> Path | None:
    """The script that starts an engine, or None where an engine with Compose already answers."""
    if answers("docker", "info") and answers("docker", "compose", "version"):
        return None
    named = os.environ.get("SIMULCAST_COMPOSE_UP")
    script = Path(named) if named else ROOT.parent / "shared/tools/compose_up.sh"
    if named or os.environ.get("CI"):
        if not script.is_file():
            pytest.fail(f"no Docker engine with Compose answers, and there is no {script} to start one")
        return script
    pytest.skip("no Docker engine with Compose answers; SIMULCAST_COMPOSE_UP=…/compose_up.sh starts one")


def engine_of_script(*arguments: str) -> tuple[str, ...]:
    state = os.environ.get("COMPOSE_UP_STATE", "/var/tmp/compose-up")  # noqa: S108  as in the script
    return "docker", "--host", f"unix://{state}/docker.sock", *arguments


def let_containers_weigh() -> None:
    """Gives the containers of an engine that this run starts as much weight as all tests have.

    All of them together weigh as much as one process beside them, be there twenty that work: then a health check
    that takes a tenth of a second takes half a minute.
    """
    for name, weight in WEIGHTS.items():
        path = Path(name)
        if (path.parents[1] / "cpu.stat").exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(weight, encoding="ascii")


def ill(stack: Stack, engine: tuple[str, ...]) -> str:
    """A line for each container that is not well, with the answer to its last health check."""
    ids = stack.run("--profile", "*", "ps", "-aq").stdout.split()
    found = subprocess.run([*engine, "inspect", *ids], capture_output=True, text=True, timeout=90, check=False)
    lines = []
    for container in json.loads(found.stdout or "[]"):
        state = container["State"]
        health = state.get("Health", {"Status": "without a check", "Log": []})
        if health["Status"] != "healthy":
            checks = [f"{check['ExitCode']}: {check['Output'].strip()[:300]}" for check in health["Log"][-2:]]
            lines.append(f"{container['Name']}: {state['Status']} ({state['ExitCode']}), {health['Status']} {checks}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    script = starter()
    began = time.monotonic()
    terminal = request.config.pluginmanager.getplugin("capturemanager")
    assert terminal is not None

    def say(text: str) -> None:
        with terminal.global_and_fixture_disabled():
            print(f"\n[compose {time.monotonic() - began:5.1f}s] {text}", flush=True)

    downloads = tmp_path_factory.mktemp("downloads")  # of root, where root runs this, as in a fresh clone of root's
    downloads.chmod(0o755)
    (downloads / ".gitkeep").touch()
    uid = os.getuid() or 1000
    port, cluster_port = free_port(), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")} | {
        # A project of its own, so that tearing it down can't touch one that a person runs from this folder.
        "COMPOSE_PROJECT_NAME": f"simulcast-test-{zlib.crc32(bytes(ROOT)):08x}",
        # The classic builder builds app and worker twice when at once; in turn, the second is the first's layers.
        "COMPOSE_PARALLEL_LIMIT": "1",
        "SIMULCAST_PUBLISH": f"127.0.0.1:{port}",
        "SIMULCAST_CLUSTER_PUBLISH": f"127.0.0.1:{cluster_port}",
        "SIMULCAST_DOWNLOADS": str(downloads),
        "SIMULCAST_ALLOW_NETWORKS": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",  # where Docker's networks are
        "SIMULCAST_LOG": "info",
        "PUID": str(uid),
        "PGID": str(uid if os.getuid() == 0 else os.getgid()),
        "WAIT": str(HEALTHY_S),  # which the script reads
    }
    if state := os.environ.get("COMPOSE_UP_STATE"):
        environment["COMPOSE_UP_STATE"] = state

    scale = ("--scale", f"app={FRONT_ENDS}")
    if script is None:
        compose: tuple[str, ...] = ("docker", "compose")
        up = (*compose, "up", "-d", "--build", "--wait", "--wait-timeout", str(HEALTHY_S), *scale)
        ours = False
    else:
        compose = ("bash", str(script), "--exec", str(ROOT))
        up = ("bash", str(script), str(ROOT), *scale)
        ours = not answers(*engine_of_script("version"))
        let_containers_weigh()
    running = Stack(compose, environment, port, cluster_port, downloads, uid, say)
    say(f"bringing up {FRONT_ENDS} front-ends with {script or 'the engine that answers'}")
    try:
        with terminal.global_and_fixture_disabled():
            both = environment | {"COMPOSE_PROFILES": "cluster"}  # at once: most of the time goes into health checks
            started = subprocess.run(up, cwd=ROOT, env=both, timeout=STARTED_S, check=False).returncode == 0
        if not started:
            say(running.run("logs", "--tail", "40").stdout)
            engine = engine_of_script() if script else ("docker",)
            pytest.fail(f"the project did not come up, its logs stand above:\n{ill(running, engine)}", pytrace=False)
        say(f"up at 127.0.0.1:{port}")
        yield running
    finally:
        down = running.run("--profile", "*", "down", "-v", "--remove-orphans", "-t", "5")
        if ours and not subprocess.run(engine_of_script("ps", "-q"), capture_output=True, check=False).stdout:
            subprocess.run(
                ("bash", str(script), "--stop"), env=environment, capture_output=True, timeout=60, check=False
            )
        say("torn down" if down.returncode == 0 else f"tearing down failed: {down.stdout}")
