"""A setting that makes no sense stops the start with its name, its value and the reason."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from simulcast.errors import SettingRefused
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.settings.front_end import FrontEndSettings
from simulcast.settings.redis import RedisSettings
from simulcast.settings.shared import RENAMED, SharedSettings
from simulcast.settings.worker import WorkerSettings
from tests.conditions import eventually
from tests.programs import StartFrontEnd
from tests.service import ROOT

pytestmark = pytest.mark.long

BAD = [
    ("app", "SIMULCAST_PORT", "70000", "less than or equal to 65535"),
    ("app", "SIMULCAST_LOG", "loud", "'debug', 'info', 'warning' or 'error'"),
    ("workers", "SIMULCAST_LEASE_S", "soon", "valid number"),
    ("workers", "SIMULCAST_PUBLIC_DOWNLOAD_DIR", "downloads", "give an absolute path"),
    ("workers", "SIMULCAST_ALLOW_NETWORKS", "10.0.0.0/8,home", "not a valid IPv4 network"),
]


def first_line(program: Sequence[str], folder: Path, name: str, value: str) -> str:
    """Run a program that refuses to start; return the one line that it writes."""
    ended = subprocess.run(
        [sys.executable, "-m", *program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    return line


@pytest.mark.parametrize(("program", "name", "value", "reason"), BAD)
def test_invalid_setting_is_named(program: str, name: str, value: str, reason: str, tmp_path: Path) -> None:
    line = first_line([program], tmp_path, name, value)
    assert name in line and value.rpartition(",")[2] in line and reason in line


CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
OLD_NAMES = dict(re.findall(r"^ *\| `(SIMULCAST_\w+)` \| `(SIMULCAST_\w+)` \|$", CHANGELOG, re.MULTILINE))
PROGRAMS = (["app"], ["workers"], ["simulcast.cli", "up"], ["simulcast.cli", "serve"], ["simulcast.cli", "work"])


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_a_setting_by_its_old_name_stops_the_start_of_every_program(program: list[str], tmp_path: Path) -> None:
    line = first_line(program, tmp_path, "SIMULCAST_FILES", "/srv/files")
    assert line == (
        "simulcast: SIMULCAST_FILES is called SIMULCAST_FILES_DIR now: set that one instead, and unset SIMULCAST_FILES"
    )


def test_the_changelog_lists_each_old_name() -> None:
    assert OLD_NAMES == RENAMED and len(RENAMED) == 5


@pytest.mark.parametrize("settings_class", [FrontEndSettings, WorkerSettings])
@pytest.mark.parametrize("old", OLD_NAMES)
def test_each_old_name_leads_to_its_new_one(
    settings_class: type[SharedSettings], old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_class.from_environment()
    monkeypatch.setenv(old, "1")
    with pytest.raises(SettingRefused, match=rf"^{old} is called {OLD_NAMES[old]} now: "):
        settings_class.from_environment()


def test_a_publisher_is_not_stopped_by_an_old_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULCAST_FILES", "1")
    RedisSettings.from_environment()


async def test_a_front_end_without_the_password_of_redis_names_redis_url_and_no_acl(
    embedded: EmbeddedServer, front_end: StartFrontEnd
) -> None:
    program = await front_end(redis_url=f"redis://localhost:{embedded.port}/0", ready=False)

    async def names_the_remedy() -> bool:
        status, body = await program.get("/ready")
        return status == 503 and "Put them into REDIS_URL" in str(body["detail"]) and "ACL" not in str(body["detail"])

    await eventually(names_the_remedy, "the remedy")
