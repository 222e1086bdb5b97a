"""A real nginx with the shipped configuration, in front of one front-end, which it serves below a sub path."""

import re
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.ports import free_port
from tests.service import ROOT, STOP_S
from tests.tools import program_path

BELOW = "/x/"


class Nginx:
    """An nginx that listens on a free loopback port, as soon as it is made and until `stop`."""

    def __init__(self, folder: Path, front_end_port: int, max_connections: int = 1000) -> None:
        """`max_connections`: how many one address may have."""
        self.port = free_port()
        self.log = folder / "nginx.log"
        text = (ROOT / "deploy/nginx.conf").read_text()
        for shipped, here in (
            (r"/tmp/", f"{folder}/"),  # noqa: S108
            (r"listen 8080 default_server", f"listen 127.0.0.1:{self.port}"),
            (r"limit_conn clients 1000", f"limit_conn clients {max_connections}"),
            (r"app:8080", f"127.0.0.1:{front_end_port}"),
            (r"/dev/stdout", f"{folder}/access.log"),
            (r"worker_processes auto", "worker_processes 1"),
            (r"location / \{", f"location {BELOW} {{"),
            (r"\n {12}proxy_pass", f"\n            rewrite ^{BELOW}(.*)$ /$1 break;\n            proxy_pass"),
        ):
            assert re.search(shipped, text), shipped
            text = re.sub(shipped, here.replace("\\", r"\\"), text)
        config = folder / "nginx.conf"
        config.write_text(text)
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [program_path("nginx", "nginx-light"), "-p", str(folder), "-c", str(config), "-g", "daemon off;"],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + STOP_S
        while not self._listens():
            assert self._process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{BELOW}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=STOP_S)
