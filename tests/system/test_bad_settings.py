"""A setting that makes no sense stops the start with its name, its value and the reason."""

import os
import subprocess
import sys

import pytest

from tests.service import ROOT

BAD = [
    ("app", "SIMULCAST_PORT", "70000", "less than or equal to 65535"),
    ("app", "SIMULCAST_LOG", "loud", "'debug', 'info', 'warning' or 'error'"),
    ("workers", "SIMULCAST_LEASE_S", "soon", "valid number"),
    ("workers", "SIMULCAST_PUBLIC_DOWNLOAD_DIR", "downloads", "from the root on"),
    ("workers", "SIMULCAST_ALLOW_NETWORKS", "10.0.0.0/8,home", "not a valid IPv4 network"),
]


@pytest.mark.parametrize(("program", "name", "value", "reason"), BAD)
def test_it_is_named(program: str, name: str, value: str, reason: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", program],
        cwd=ROOT,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert name in line and value.rpartition(",")[2] in line and reason in line
