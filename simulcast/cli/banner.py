"""The text that `simulcast up` prints once everything runs: addresses, and commands to try next."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from simulcast.launcher.embedded import EmbeddedServer
from simulcast.model.ip_address import parse_ip_address
from simulcast.settings.redis import URL_FILE
from simulcast.store.url import redacted_url

DEFAULT_REDIS_PORT = 6379
_EXAMPLE = '{"type":"download_progress","download_id":"x","progress":0.5,"speed":1000}'


def banner(host: str, port: int, admin_ports: Sequence[int], downloads: Path, redis: EmbeddedServer | str) -> str:
    """Return several lines, which hold no secret. `redis`: the embedded server, or the address of another one."""
    address = f"{_browser_host(host)}:{port}"
    command, flag = _command(), _redis_flag(redis)
    rows = [
        ("page", f"http://{address}/"),
        ("WebSocket", f"ws://{address}/ws"),
        ("API", f"http://{address}/docs"),
        *_metrics_rows(admin_ports),
        ("downloads", str(downloads.resolve())),
        *([("Redis", redacted_url(redis))] if isinstance(redis, str) else _redis_rows(redis)),
        ("", ""),
        ("next", f"{command} add https://… {flag}".rstrip()),
        ("", f"{command} demo {flag}".rstrip()),
        ("", f"{command} publish {flag} downloads '{_EXAMPLE}'".replace("  ", " ")),
        ("", f"{command} watch" + ("" if address == "localhost:8080" else f" --url ws://{address}/ws")),
        ("", f"{command} top {flag}".rstrip()),
        ("", "Ctrl-C stops it"),
    ]
    return "\n".join(["Simulcast is up.", "", *(f"  {name:<10} {text}".rstrip() for name, text in rows), ""])


def _metrics_rows(ports: Sequence[int]) -> list[tuple[str, str]]:
    first = ("metrics", f"http://127.0.0.1:{ports[0]}/metrics")
    others = ("", f"and on port {', '.join(map(str, ports[1:]))}, for the other front-ends")
    return [first, others] if len(ports) > 1 else [first]


def _redis_rows(server: EmbeddedServer) -> list[tuple[str, str]]:
    url_file = shlex.quote(str(server.data / URL_FILE))
    return [
        ("data", str(server.data)),
        ("Redis", f"127.0.0.1:{server.port}; for your own programs: export REDIS_URL=$(cat {url_file})"),
    ]


def _redis_flag(redis: EmbeddedServer | str) -> str:
    """Return the flag with which a command in another terminal finds Redis, "" if it needs none."""
    if isinstance(redis, str):
        return "--redis-url …"
    return "" if redis.data == Path("data").resolve() else f"--data {shlex.quote(str(redis.data))}"


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
    address = parse_ip_address(host)
    if address is not None and (address.is_loopback or address.is_unspecified):
        return "localhost"
    return f"[{address}]" if address is not None and address.version == 6 else host
