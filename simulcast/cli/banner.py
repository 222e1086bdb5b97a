"""What `simulcast up` prints once it is up: where to look and what to do next."""

import ipaddress
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulcast.store.url import redacted_url

USUAL_REDIS_PORT = 6379
_EXAMPLE = '{"type":"download_progress","download_id":"x","progress":0.5,"speed":1000}'


@dataclass(frozen=True, slots=True)
class BannerInfo:
    """What runs. `admin_ports`: the front-ends', on 127.0.0.1.

    `redis_port` and `data` are those of the embedded server; 0 where Redis is somebody else's.
    """

    host: str
    port: int
    admin_ports: Sequence[int]
    downloads: Path
    redis_url: str
    redis_port: int
    data: Path


def banner(facts: BannerInfo) -> str:
    """Many lines, without secrets."""
    place = f"{_reachable(facts.host)}:{facts.port}"
    command = _command()
    rows = [
        ("page", f"http://{place}/"),
        ("WebSocket", f"ws://{place}/ws"),
        ("API", f"http://{place}/docs"),
        *_metrics(facts.admin_ports),
        ("downloads", str(facts.downloads.resolve())),
        *(_embedded(facts) if facts.redis_port else [("Redis", redacted_url(facts.redis_url))]),
        ("", ""),
        ("next", f"{command} add https://… {_where(facts)}".rstrip()),
        ("", f"{command} demo {_where(facts)}".rstrip()),
        ("", f"{command} watch" + ("" if place == "localhost:8080" else f" --url ws://{place}/ws")),
        ("", f"{command} top {_where(facts)}".rstrip()),
        ("", "Ctrl-C stops it"),
    ]
    return "\n".join(["Simulcast is up.", "", *(f"  {name:<10} {text}".rstrip() for name, text in rows), ""])


def _metrics(ports: Sequence[int]) -> list[tuple[str, str]]:
    first = ("metrics", f"http://127.0.0.1:{ports[0]}/metrics")
    others = ("", f"and on port {', '.join(map(str, ports[1:]))}, for the other front-ends")
    return [first, others] if len(ports) > 1 else [first]


def _embedded(facts: BannerInfo) -> list[tuple[str, str]]:
    port = "" if facts.redis_port == USUAL_REDIS_PORT else f"-p {facts.redis_port} "
    url_file = shlex.quote(str(facts.data / "redis.url"))
    return [
        ("data", str(facts.data)),
        ("Redis", f"redis-cli {port}PUBLISH simulcast:downloads '{_EXAMPLE}'"),
        ("", f'redis-cli -u "$(cat {url_file})"    for all the rest: it has the password'),
    ]


def _where(facts: BannerInfo) -> str:
    """The flag by which another terminal finds Redis, where it wouldn't by itself."""
    if not facts.redis_port:
        return "--redis-url …"
    return "" if facts.data == Path("data").resolve() else f"--data {shlex.quote(str(facts.data))}"


def _command() -> str:
    """How to call this command from here."""
    called = Path(sys.argv[0])
    if called.name != "simulcast":
        return f"{Path(sys.executable).name} -m simulcast.cli"
    found = shutil.which("simulcast")
    if found is not None and Path(found).resolve() == called.resolve():
        return "simulcast"
    try:
        return str(called.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(called)


def _reachable(host: str) -> str:
    """A name under which a browser on this machine gets there."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_loopback or address.is_unspecified:
        return "localhost"
    return f"[{address}]" if address.version == 6 else host
