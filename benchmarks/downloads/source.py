"""The server: one nginx with the files of the cases, which it has in memory, and what they should be."""

import grp
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import build
from benchmarks.downloads.cases import CAP_BYTES_PER_S, MIB, Case
from benchmarks.ports import accepts
from benchmarks.processes import wait_for
from tests.ports import free_port

START_S = 10.0
STOP_S = 10.0
_CONFIGURATION = """
user {user} {group};
worker_processes 1;
daemon off;
error_log {folder}/nginx.log;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    default_type application/octet-stream;
    client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp;
    scgi_temp_path {folder}/temp;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/served;
        location /capped- {{ limit_rate {cap}; }}
    }}
}}
"""


class Source:
    """Files of random bytes below `folder`, each told apart by its SHA-256; to be used within `serving`."""

    def __init__(self, cases: Iterable[Case], folder: Path) -> None:
        """Writes the files. Raises NotBuilt without nginx."""
        program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise build.NotBuilt("no nginx on the PATH or in /usr/sbin: apt-get install nginx-light")
        served = folder / "served"
        served.mkdir()
        self._digests: dict[str, str] = {}
        for case in cases:
            for name in case.files:
                if case.same and name != case.files[0]:
                    os.link(served / case.files[0], served / name)
                    self._digests[name] = self._digests[case.files[0]]
                else:
                    self._digests[name] = _written(served / name, case.size)
        self._port = free_port()
        configuration = folder / "nginx.conf"
        # Started by root it would read as another user, who may not look into the folder.
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        facts = {"user": user, "group": group, "folder": folder, "port": self._port, "cap": CAP_BYTES_PER_S}
        configuration.write_text(_CONFIGURATION.format_map(facts))
        self._command = [program, "-p", str(folder), "-c", str(configuration)]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """nginx runs. When it has ended, its CPU counts as this process's children's. Raises TimeoutError."""
        server = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        try:
            wait_for("nginx answers", START_S, lambda: accepts(self._port))
            yield
        finally:
            server.terminate()
            server.wait(STOP_S)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._port}/{name}"

    def check(self, case: Case, folder: Path) -> None:
        """Raises RuntimeError unless `folder` holds each file of the case, to the bit."""
        for name in case.files:
            path = folder / name
            if not path.exists():
                raise RuntimeError(f"{name} is missing")
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != self._digests[name]:
                raise RuntimeError(f"{name} is not what the server has: {path.stat().st_size:,} bytes")


def _written(path: Path, size: int) -> str:
    """The digest of the file, which holds `size` random bytes from now on."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            block = os.urandom(min(MIB, size - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
