"""`simulcast doctor`, on this machine: Python, open files, the port, and room on the disk."""

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from simulcast.cli.doctor.finding import Finding, fine, look, wrong
from simulcast.errors import CommandError
from simulcast.file_limits import limits, usable
from simulcast.launcher.readiness import wait_until_ready
from simulcast.launcher.sockets import listen

OWN_FILES = 192  # that a front-end needs beside its clients
ENOUGH_CLIENTS = 4000
LITTLE_BYTES, TOO_LITTLE_BYTES = 2 * 10**9, 100 * 10**6
_ANSWER_S = 1.0


async def machine_checks(host: str, port: int) -> list[Finding]:
    """Check this machine, and the port on which clients connect."""
    return [
        python(sys.version_info[:3], importlib.util.find_spec("uvloop") is not None),
        open_files(*limits()),
        await check_port(host, port),
    ]


def python(version: tuple[int, ...], has_uvloop: bool) -> Finding:
    text = f"{platform.python_implementation()} {'.'.join(map(str, version))}"
    if not has_uvloop:
        return look("Python", f"{text}, without uvloop: a quarter slower", "pip install uvloop")
    return fine("Python", f"{text}, with uvloop")


def open_files(soft: int, hard: int) -> Finding:
    """What `ulimit -n` means for clients: a front-end raises its own to the hard limit when it starts."""
    usual = usable(soft, hard)
    clients = usual - OWN_FILES
    text = f"{soft:,} now, which a front-end raises to {usual:,}: about {max(clients, 0):,} clients each"
    if clients < ENOUGH_CLIENTS:
        remedy = "raise the hard limit: ulimit -Hn, LimitNOFILE= (systemd), nofile (Compose); or run more front-ends"
        return (wrong if clients <= 0 else look)("open files", text, remedy)
    return fine("open files", text)


async def check_port(host: str, port: int) -> Finding:
    """Whether a front-end could listen there, or one does already."""
    try:
        for each in listen(host, port):
            each.close()
    except CommandError as complaint:
        reason = await wait_until_ready(port, _ANSWER_S)
        if reason is None:
            return fine("port", f"{port} of {host}: a front-end serves there")
        return wrong("port", str(complaint), f"what is there says: {reason}")
    return fine("port", f"{port} of {host} is free")


def check_disk(downloads: Path) -> Finding:
    """Room where files go, which is made when the first worker starts."""
    folder = downloads.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return wrong("downloads", f"{folder} is no folder in which this user may write", "set SIMULCAST_DOWNLOAD_DIR")
    free = shutil.disk_usage(folder).free
    text = f"{free / 10**9:,.1f} GB free in {folder}"
    if free < LITTLE_BYTES:
        remedy = "make room, or set SIMULCAST_DOWNLOAD_DIR"
        return (wrong if free < TOO_LITTLE_BYTES else look)("downloads", text, remedy)
    return fine("downloads", text)
