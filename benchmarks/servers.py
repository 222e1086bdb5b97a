"""Ours and its peers: how each is started, what its clients speak, and how events are published to it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Literal

from benchmarks import build, templates
from simulcast.model.channel import ChannelNames


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server runs. `folder` is its own; `history`: whether clients will ask for what they missed."""

    port: int
    redis_url: str
    folder: Path
    history: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """`template`: bytes that publish one event to a channel, over Redis or over the server's own HTTP; None where the
    server makes its events itself. `channel`: the one that clients get without asking. `channels`: whether a client
    may ask for one. `recovers`: whether a client may say where it stopped."""

    name: str
    title: str
    start: Callable[[Place], Start]
    version: Callable[[], str]
    dialect: Literal["plain", "socketio", "centrifuge"] = "plain"
    path: str = "/ws"
    template: Callable[[str, int], bytes] | None = None
    over: Literal["redis", "http"] = "redis"
    channel: str = "bench"
    channels: bool = False
    recovers: bool = False

    @property
    def is_ours(self) -> bool:
        return self.name.startswith("simulcast")


def _python(module: str) -> Callable[[Place], Start]:
    def start(place: Place) -> Start:
        program = build.PEERS / module / "main.py"
        return Start([str(build.python()), str(program)], {"PORT": str(place.port), "REDIS_URL": place.redis_url})

    return start


def _installed(*packages: str) -> Callable[[], str]:
    def version() -> str:
        code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
        command = [str(build.python()), "-c", code, *packages]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return ", ".join(f"{name} {number}" for name, number in zip(packages, found, strict=True))

    return version


# ---- ours


def _simulcast(**settings: str) -> Callable[[Place], Start]:
    def start(place: Place) -> Start:
        address = {"REDIS_URL": place.redis_url, "SIMULCAST_PORT": str(place.port)}
        environment = {**address, "PYTHONPATH": str(build.HERE.parent), **settings}
        return Start([sys.executable, "-m", "app"], environment, place.folder)

    return start


def simulcast_version(*packages: str) -> str:
    """The commit, and the versions of what it stands on."""
    root = build.HERE.parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True).stdout
    found = (f"{name} {metadata.version(name)}" for name in packages)
    return f"{commit.strip()}, {', '.join(found)}"


# ---- peers


def _start_socketio_node(place: Place) -> Start:
    environment = {"PORT": str(place.port), "REDIS_URL": place.redis_url}
    return Start(["node", "main.mjs"], environment, build.socketio_node())


def _socketio_node_version() -> str:
    locked = json.loads((build.PEERS / "socketio_node" / "package-lock.json").read_text())["packages"]
    names = ("socket.io", "@socket.io/redis-streams-adapter")
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return ", ".join(f"{name} {locked[f'node_modules/{name}']['version']}" for name in names) + f", Node {node}"


def _start_nchan(place: Place) -> Start:
    program = build.nginx()
    text = (build.PEERS / "nchan" / "nginx.conf").read_text()
    facts = {
        "PORT": str(place.port),
        "REDIS_URL": place.redis_url,
        "FOLDER": str(place.folder),
        "MODULE": str(build.NGINX_MODULE),
    }
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    config = place.folder / "nginx.conf"
    config.write_text(text)
    return Start([program, "-p", str(place.folder), "-c", str(config)])


def _nchan_version() -> str:
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"], capture_output=True, text=True
    )
    server = subprocess.run([build.nginx(), "-v"], capture_output=True, text=True).stderr
    return f"Nchan {found.stdout.partition(':')[2] or found.stdout}, nginx {server.rpartition('/')[2].strip()}"


def _centrifuge(*flags: str) -> Callable[[Place], Start]:
    def start(place: Place) -> Start:
        history = ("-history", "10000") if place.history else ()
        return Start([str(build.centrifuge()), "-port", str(place.port), *flags, *history])

    return start


def _centrifuge_version() -> str:
    found = re.search(r"centrifugal/centrifuge (\S+)", (build.PEERS / "centrifuge" / "go.mod").read_text())
    go = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    return f"Centrifuge {found[1] if found else '?'}, {go}"


def _floor(place: Place) -> Start:
    return Start([str(build.native("floor")), str(place.port)])


def _floor_behind_redis(place: Place) -> Start:
    port = place.redis_url.rpartition(":")[2].partition("/")[0]
    return Start([str(build.native("floor")), str(place.port), port, ChannelNames().pubsub])


_OURS = Peer(
    "simulcast",
    "Simulcast",
    _simulcast(),
    lambda: simulcast_version("uvicorn", "uvloop", "redis"),
    template=templates.broker,
    channel="downloads",
    channels=True,
    recovers=True,
)
PEERS = (
    _OURS,
    replace(
        _OURS,
        name="simulcast-latency",
        title="Simulcast, latency first",
        start=_simulcast(SIMULCAST_LATENCY_FIRST="true"),
    ),
    Peer(
        "floor-valkey",
        "C loop behind the same Valkey",
        _floor_behind_redis,
        lambda: "native/floor.c",
        template=templates.broker,
        channel="downloads",
    ),
    Peer("floor", "C loop that only sends", _floor, lambda: "native/floor.c"),
    Peer(
        "centrifuge-delay",
        "Centrifuge, 10 ms write delay",
        _centrifuge("-delay", "10ms"),
        _centrifuge_version,
        dialect="centrifuge",
        channels=True,
        recovers=True,
    ),
    Peer(
        "centrifuge",
        "Centrifuge",
        _centrifuge(),
        _centrifuge_version,
        dialect="centrifuge",
        channels=True,
        recovers=True,
    ),
    Peer(
        "uwebsockets",
        "uWebSockets, by socketify",
        _python("uwebsockets"),
        _installed("socketify", "redis"),
        template=templates.publish,
    ),
    Peer(
        "handwritten",
        "FastAPI, a loop of send_text",
        _python("handwritten"),
        _installed("fastapi", "uvicorn"),
        template=templates.publish,
    ),
    Peer(
        "broadcaster",
        "encode/broadcaster",
        _python("broadcaster"),
        _installed("broadcaster", "fastapi", "uvicorn"),
        template=templates.publish,
        channels=True,
    ),
    Peer(
        "socketio-python",
        "python-socketio with Redis",
        _python("socketio_python"),
        _installed("python-socketio", "uvicorn"),
        dialect="socketio",
        path="/socket.io/?EIO=4&transport=websocket",
        template=templates.socketio_python,
        channels=True,
    ),
    Peer(
        "django-channels",
        "Django Channels, channels_redis.pubsub",
        _python("django_channels"),
        _installed("channels", "channels_redis", "uvicorn"),
        template=templates.django,
        channels=True,
    ),
    Peer(
        "nchan",
        "Nchan with Redis",
        _start_nchan,
        _nchan_version,
        path="/ws?channel=bench",
        template=templates.post,
        over="http",
        channels=True,
    ),
    Peer(
        "socketio-node",
        "Socket.IO, Redis streams adapter",
        _start_socketio_node,
        _socketio_node_version,
        dialect="socketio",
        path="/socket.io/?EIO=4&transport=websocket",
        template=templates.socketio_node,
        channels=True,
    ),
)
