"""`simulcast doctor`, on this machine: Python, open files, the port, and free space on the disk."""

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from simulcast.cli.doctor.finding import ERROR, OK, WARNING, Finding
from simulcast.errors import CommandError
from simulcast.file_limits import read_limits, usable_limit
from simulcast.launcher.readiness import wait_until_ready
from simulcast.launcher.sockets import listen

RESERVED_FILES = 200  # descriptors that a front-end keeps for itself
MIN_CLIENTS = 4000
LOW_DISK_BYTES, MIN_DISK_BYTES = 2 * 10**9, 100 * 10**6
_READY_TIMEOUT_S = 1.0


async def machine_checks(host: str, port: int) -> list[Finding]:
    """Check this machine, and the port on which clients connect."""
    return [
        check_python(sys.version_info[:3], importlib.util.find_spec("uvloop") is not None),
        check_open_files(*read_limits()),
        await check_port(host, port),
    ]


def check_python(version: tuple[int, ...], has_uvloop: bool) -> Finding:
    """Report the interpreter, and whether it has the faster event loop."""
    text = f"{platform.python_implementation()} {'.'.join(map(str, version))}"
    if not has_uvloop:
        return Finding(WARNING, "Python", f"{text}, without uvloop: a quarter slower", "pip install uvloop")
    return Finding(OK, "Python", f"{text}, with uvloop")


def check_open_files(soft: int, hard: int) -> Finding:
    """Report how many clients `ulimit -n` allows: a front-end raises its limit to the hard one when it starts."""
    raised = usable_limit(soft, hard)
    clients = raised - RESERVED_FILES
    text = f"{soft:,} now, which a front-end raises to {raised:,}: about {max(clients, 0):,} clients each"
    if clients >= MIN_CLIENTS:
        return Finding(OK, "open files", text)
    remedy = "raise the hard limit: ulimit -Hn, LimitNOFILE= (systemd), nofile (Compose); or run more front-ends"
    return Finding(WARNING if clients > 0 else ERROR, "open files", text, remedy)


async def check_port(host: str, port: int) -> Finding:
    """Check that a front-end could listen there, or that one does already."""
    try:
        for listener in listen(host, port):
            listener.close()
    except CommandError as error:
        reason = await wait_until_ready(port, _READY_TIMEOUT_S)
        if reason is None:
            return Finding(OK, "port", f"{port} of {host}: a front-end serves there")
        return Finding(ERROR, "port", str(error), f"its present owner is no front-end that is ready: {reason}")
    return Finding(OK, "port", f"{port} of {host} is free")


def check_disk(downloads: Path) -> Finding:
    """Check that the download folder, or its nearest existing parent, is writable and has free space."""
    folder = downloads.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        result = f"{folder} is no folder that this user may write to"
        return Finding(ERROR, "downloads", result, "set SIMULCAST_DOWNLOAD_DIR")
    free_bytes = shutil.disk_usage(folder).free
    text = f"{free_bytes / 10**9:,.1f} GB free in {folder}"
    if free_bytes >= LOW_DISK_BYTES:
        return Finding(OK, "downloads", text)
    severity = ERROR if free_bytes < MIN_DISK_BYTES else WARNING
    return Finding(severity, "downloads", text, "free some space, or set SIMULCAST_DOWNLOAD_DIR")
