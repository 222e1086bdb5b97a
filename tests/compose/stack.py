"""The project in containers, as a test talks to it."""

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.service import ROOT

FRONT_ENDS = 3

# Established connections to port 8080 that come from other containers; a health check comes from 127.0.0.1.
COUNT_CLIENTS = """
rows = [line.split() for line in open("/proc/net/tcp")][1:]
print(sum(
    own.endswith(":1F90") and state == "01" and not peer.startswith("0100007F")
    for _, own, peer, state, *_ in rows
))
"""

# Process 1 is Docker's own init, which ends when its child has: then the restart policy is asked.
KILL_ALL = """
import os, signal
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (1, os.getpid()):
        os.kill(int(name), signal.SIGKILL)
"""
IS_READY = """
import urllib.request
urllib.request.urlopen("http://127.0.0.1:8080/ready", timeout=5)
"""


@dataclass(frozen=True)
class Stack:
    """The running project. `compose` is the command that takes Compose's arguments."""

    compose: tuple[str, ...]
    environment: dict[str, str]
    port: int
    cluster_port: int
    downloads: Path
    uid: int
    say: Callable[[str], None]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def run(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Compose's answer, whatever it is; `changed` are environment variables."""
        return subprocess.run(
            [*self.compose, *arguments],
            cwd=ROOT,
            env=self.environment | changed,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=200,
            check=False,
        )

    def shell(self, commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """What `commands` say in which `docker compose` stands, up to the first that fails; in `folder`."""
        return subprocess.run(
            ["bash", "-euc", f'docker() {{ shift; {shlex.join(self.compose)} "$@"; }}\n{commands}'],
            cwd=folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=200,
            check=False,
        )

    def inside(self, service: str, *command: str, index: int = 1) -> str:
        """What the command prints in a service's container. Fails the test if the command fails."""
        done = self.run("exec", "-T", "--index", str(index), service, *command)
        assert done.returncode == 0, f"{command} in {service} ended with {done.returncode}: {done.stdout}"
        return done.stdout

    def clients_per_front_end(self) -> list[int]:
        return [
            int(self.inside("app", "python", "-c", COUNT_CLIENTS, index=i).split()[-1])
            for i in range(1, FRONT_ENDS + 1)
        ]

    def publish(self, event: dict[str, object], worker: str = "worker") -> None:
        """From the worker's container, so that no front-end is the publisher."""
        self.inside(worker, "simulcast", "publish", "downloads", json.dumps(event))

    def kill_inside(self, service: str) -> None:
        """As the kernel's out-of-memory killer would; Docker starts the container again."""
        done = self.run("exec", "-T", service, "python", "-c", KILL_ALL)
        assert done.returncode in (0, 137), done.stdout  # 137: the container ended before the command that ended it

    def is_ready(self, replica: int) -> bool:
        return self.run("exec", "-T", "--index", str(replica), "app", "python", "-c", IS_READY).returncode == 0
