"""The units for systemd: systemd itself reads them, and finds them confined."""

import os
import pwd
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from simulcast.launcher.units import SETTINGS, Installation
from tests.command_line import Command
from tests.documents import blocks
from tests.tools import program_path

MAX_EXPOSURE = 2.0  # of 10, as `systemd-analyze security` counts; a service without confinement has 9.6
PLAIN = Installation(
    python=Path("/bin/sh"),
    settings=Path("/etc/simulcast.env"),
    host="127.0.0.1",
    port=8080,
    user="daemon",
    downloads=Path("/srv/downloads"),
)
ODD = replace(PLAIN, host="::", settings=Path("/etc/a b%.env"), downloads=Path('/srv/my "50%" of $HOME'))


def written(installation: Installation, folder: Path) -> list[Path]:
    """Write the units, templates as their first instance, and return their paths."""
    paths = []
    for name, content in installation.units().items():
        paths.append(folder / name.replace("@", "@1"))
        paths[-1].write_text(content)
    return paths


@pytest.mark.parametrize("installation", [PLAIN, ODD], ids=["plain", "odd"])
def test_systemd_accepts_the_units(installation: Installation, tmp_path: Path) -> None:
    analyze = program_path("systemd-analyze", "systemd")
    paths = written(installation, tmp_path)
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *paths],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["simulcast-front-end@1.service", "simulcast-worker@1.service"])
def test_systemd_finds_the_services_confined(name: str, tmp_path: Path) -> None:
    analyze = program_path("systemd-analyze", "systemd")
    (path,) = [path for path in written(PLAIN, tmp_path) if path.name == name]
    done = subprocess.run(
        [analyze, "security", "--offline=true", f"--threshold={MAX_EXPOSURE * 10:.0f}", "--no-pager", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_family_of_addresses_has_a_line_of_its_own() -> None:
    def lines(host: str) -> list[str]:
        return re.findall(r"^ListenStream=(.*)$", replace(PLAIN, host=host).units()["simulcast.socket"], re.MULTILINE)

    assert lines("localhost") == ["127.0.0.1:8080", "[::1]:8080"]
    assert lines("::") == ["0.0.0.0:8080", "[::]:8080"]
    assert lines("192.0.2.1") == ["192.0.2.1:8080"]


@pytest.mark.parametrize(
    ("python", "downloads", "home"),
    [("/opt/bin/python", "/srv/x", "yes"), ("/home/me/.venv/bin/python", "/srv/x", "read-only")],
)
def test_homes_are_hidden_unless_something_of_ours_is_there(python: str, downloads: str, home: str) -> None:
    units = replace(PLAIN, python=Path(python), downloads=Path(downloads)).units()
    assert f"ProtectHome={home}\n" in units["simulcast-worker@.service"]
    assert "ProtectHome=read-only\n" in replace(PLAIN, downloads=Path("/root/x")).units()["simulcast-worker@.service"]


def test_install_writes_units_and_settings_once_and_says_what_comes_next(simulcast: Command, tmp_path: Path) -> None:
    settings, me = tmp_path / "simulcast.env", pwd.getpwuid(os.getuid()).pw_name
    flags = ("--units", str(tmp_path), "--settings", str(settings), "--downloads", "/srv/media", "--port", "80")
    done = simulcast("service", "install", *flags, "--user", me)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.glob("simulcast*")} == {
        "simulcast.socket",
        "simulcast-front-end@.service",
        "simulcast-worker@.service",
        "simulcast.env",
    }
    assert (settings.read_text(), settings.stat().st_mode & 0o777) == (SETTINGS, 0o600)
    assert "systemctl enable --now simulcast.socket simulcast-front-end@1" in done.stdout
    assert f"install -d -o {me} '/srv/media'" in done.stdout and "useradd" not in done.stdout
    settings.write_text("REDIS_URL=redis://mine\n")
    done = simulcast("service", "install", *flags, "--user", "nobody-of-that-name")
    assert settings.read_text() == "REDIS_URL=redis://mine\n"
    assert "useradd --system" in done.stdout
    done = simulcast("service", "install", "--units", str(tmp_path / "missing"), "--settings", str(settings))
    assert done.returncode == 1 and "missing/simulcast.socket: No such file" in done.stderr


def test_the_page_shows_the_command_and_what_it_prints(simulcast: Command, tmp_path: Path) -> None:
    (command,), (steps, *_) = blocks("docs/systemd.md", "sh"), blocks("docs/systemd.md", "text")
    _, *arguments = command.split()
    done = simulcast(*arguments, "--units", str(tmp_path), "--settings", str(tmp_path / "env"))
    assert done.returncode == 0, done.stderr
    assert steps.splitlines() == [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
