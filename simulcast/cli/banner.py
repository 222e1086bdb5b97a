"""The text that `simulcast up` prints once everything runs: addresses, and commands to try next."""

import ipaddress
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulcast.store.url import redacted_url

DEFAULT_REDIS_PORT = 6379
_EXAMPLE = '{"type":"download_progress","download_id":"x","progress":0.5,"speed":1000}'


@dataclass(frozen=True, slots=True)
class BannerInfo:
    """The addresses and folders of a running service. `admin_ports`: of the front-ends, on 127.0.0.1.

    `redis_port` and `data` belong to the embedded server; `redis_port` is 0 for a Redis that was there before.
    """

    host: str
    port: int
    admin_ports: Sequence[int]
    downloads: Path
    redis_url: str
    redis_port: int
    data: Path


def banner(info: BannerInfo) -> str:
    """Return several lines, which hold no secret."""
    address = f"{_browser_host(info.host)}:{info.port}"
    command, flag = _command(), _redis_flag(info)
    rows = [
        ("page", f"http://{address}/"),
        ("WebSocket", f"ws://{address}/ws"),
        ("API", f"http://{address}/docs"),
        *_metrics_rows(info.admin_ports),
        ("downloads", str(info.downloads.resolve())),
        *(_redis_rows(info) if info.redis_port else [("Redis", redacted_url(info.redis_url))]),
        ("", ""),
        ("next", f"{command} add https://… {flag}".rstrip()),
        ("", f"{command} demo {flag}".rstrip()),
        ("", f"{command} watch" + ("" if address == "localhost:8080" else f" --url ws://{address}/ws")),
        ("", f"{command} top {flag}".rstrip()),
        ("", "Ctrl-C stops it"),
    ]
    return "\n".join(["Simulcast is up.", "", *(f"  {name:<10} {text}".rstrip() for name, text in rows), ""])


def _metrics_rows(ports: Sequence[int]) -> list[tuple[str, str]]:
    first = ("metrics", f"http://127.0.0.1:{ports[0]}/metrics")
    others = ("", f"and on port {', '.join(map(str, ports[1:]))}, for the other front-ends")
    return [first, others] if len(ports) > 1 else [first]


def _redis_rows(info: BannerInfo) -> list[tuple[str, str]]:
    port = "" if info.redis_port == DEFAULT_REDIS_PORT else f"-p {info.redis_port} "
    url_file = shlex.quote(str(info.data / "redis.url"))
    return [
        ("data", str(info.data)),
        ("Redis", f"redis-cli {port}PUBLISH simulcast:downloads '{_EXAMPLE}'"),
        ("", f'redis-cli -u "$(cat {url_file})"    for all other commands: the file has the password'),
    ]


def _redis_flag(info: BannerInfo) -> str:
    """Return the flag with which a command in another terminal finds Redis, "" if it needs none."""
    if not info.redis_port:
        return "--redis-url …"
    return "" if info.data == Path("data").resolve() else f"--data {shlex.quote(str(info.data))}"


def _command() -> str:
    """Return the command that starts this program from the current folder."""
    program = Path(sys.argv[0])
    if program.name != "simulcast":
        return f"{Path(sys.executable).name} -m simulcast.cli"
    on_path = shutil.which("simulcast")
    if on_path is not None and Path(on_path).resolve() == program.resolve():
        return "simulcast"
    try:
        return str(program.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(program)


def _browser_host(host: str) -> str:
    """Return a name under which a browser on this machine reaches `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_loopback or address.is_unspecified:
        return "localhost"
    return f"[{address}]" if address.version == 6 else host
