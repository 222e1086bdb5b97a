"""`python -m benchmarks.start`: seconds from an empty folder to the first download that a client sees complete.

As a newcomer would: `git clone` of what is committed, `make up`, a URL. Once with an empty package cache, once with
what that run left in it. A cold figure has the network in it, so it says as much of the package index as of Simulcast.
Ends with 1 if no download is seen.
"""

import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.sync.client import connect

from benchmarks.processes import wait_for
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 300.0
STOP_S = 30.0
CONTENT = bytes(100_000)


@dataclass
class Watch:
    """Seconds since it was made, noted by what has come true."""

    began: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list)

    def note(self, what: str) -> float:
        seconds = time.monotonic() - self.began
        self.notes.append(f"{what} {seconds:.1f} s")
        return seconds


class OneFile(http.server.BaseHTTPRequestHandler):
    """Answers every GET with the same bytes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: what counts is what the client sees."""


@contextmanager
def served() -> Iterator[str]:
    """The address of a file on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneFile) as server:
        threading.Thread(target=server.serve_forever, name="file server", daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/first.bin"
        server.shutdown()


@contextmanager
def made_up(source: Path, cache: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`make up` in `source`, ended with all that it started."""
    environment = {name: text for name, text in os.environ.items() if name not in ("VIRTUAL_ENV", "MAKEFLAGS")} | {
        "PIP_CACHE_DIR": str(cache),
        "SIMULCAST_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    with (source / "up.log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "up", f"ARGS=--port {port}"],
            cwd=source,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(STOP_S)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the front-end is ready. Raises RuntimeError where `make up` has ended."""
    if process.poll() is not None:
        raise RuntimeError(f"make up ended with {process.returncode}")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def first_download(port: int, url: str) -> None:
    """Returns when a client has seen it complete. Raises TimeoutError, or RuntimeError where it fails."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/downloads", json.dumps({"url": url}).encode(), {"content-type": "application/json"}
    )
    with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
        while True:
            event = json.loads(client.recv(timeout=60))
            if event["type"] == "download_complete":
                return
            if event["type"] == "download_error":
                raise RuntimeError(event["error_message"])


def started(folder: Path, cache: Path) -> str:
    """What came true when, in a new folder."""
    source, port, watch = folder / "simulcast", free_port(), Watch()
    subprocess.run(["git", "clone", "-q", ROOT, source], check=True)
    watch.note("cloned")
    with served() as url, made_up(source, cache, port) as process:
        try:
            wait_for("the front-end is ready", DEADLINE_S, lambda: answers(port, process))
            watch.note("ready")
            first_download(port, url)
        except (OSError, RuntimeError) as error:
            sys.exit(f"{error}; make up said:\n{(source / 'up.log').read_text(errors='replace')[-2000:]}")
        seconds = watch.note("the first download seen")
    return f"{seconds:5.1f} s  ({', '.join(watch.notes)})"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="simulcast-start-") as scratch:
        folder = Path(scratch)
        for name in ("cold", "warm"):
            (folder / name).mkdir()
            print(f"{name} package cache: {started(folder / name, folder / 'cache')}", flush=True)


if __name__ == "__main__":
    main()
