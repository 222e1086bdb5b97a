"""Builds what the benchmarks run: C programs by cc, the peers by their own package managers, into benchmarks/build."""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE / "build"
PEERS = HERE / "peers"
NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")


class NotBuilt(Exception):
    """A peer can't run here; says what to install."""


def _needs(program: str, why: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NotBuilt(f"{program} is not on the PATH: {why}")
    return found


def _run(command: list[str], cwd: Path) -> None:
    print(f"  $ {' '.join(command)}", file=sys.stderr)
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise NotBuilt(f"{' '.join(command)} failed: {done.stderr.strip()[-800:]}")


def _newer(product: Path, *sources: Path) -> bool:
    return product.exists() and all(product.stat().st_mtime > source.stat().st_mtime for source in sources)


def native(name: str) -> Path:
    """The C program of that name."""
    program, source = BUILD / name, HERE / "native" / f"{name}.c"
    if not _newer(program, source, *(HERE / "native").glob("*.h")):
        BUILD.mkdir(exist_ok=True)
        compiler = _needs("cc", "apt-get install gcc libc6-dev")
        _run([compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], HERE)
    return program


def centrifuge() -> Path:
    """The Go peer."""
    program, folder = BUILD / "centrifuge", PEERS / "centrifuge"
    if not _newer(program, folder / "main.go", folder / "go.mod"):
        BUILD.mkdir(exist_ok=True)
        _run([_needs("go", "install Go 1.26"), "build", "-o", str(program), "."], folder)
    return program


def python() -> Path:
    """The interpreter of the virtual environment in which the Python peers are installed."""
    folder, wanted = BUILD / "venv", PEERS / "requirements.txt"
    marker = folder / "installed"
    if not _newer(marker, wanted):
        _run([sys.executable, "-m", "venv", str(folder)], HERE)
        _run([str(folder / "bin" / "pip"), "install", "-q", "-r", str(wanted)], HERE)
        marker.touch()
    return folder / "bin" / "python"


def socketio_node() -> Path:
    """The folder in which Socket.IO is installed."""
    folder, source = BUILD / "socketio_node", PEERS / "socketio_node"
    marker = folder / "installed"
    if not _newer(marker, *source.iterdir()):
        shutil.copytree(source, folder, dirs_exist_ok=True)
        _run([_needs("npm", "install Node.js 20 or newer"), "ci"], folder)
        marker.touch()
    return folder


def nginx() -> str:
    """nginx with the Nchan module."""
    if not NGINX_MODULE.exists():
        raise NotBuilt("Nchan is not installed: apt-get install nginx-light libnginx-mod-nchan")
    return _needs("nginx", "apt-get install nginx-light")
