"""The limit of open files, which a front-end raises when it starts."""

import logging
import resource
import subprocess
import sys

import pytest

from simulcast import file_limits
from tests.service import ROOT

RAISE = """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, min(hard, 4096)))
import logging; logging.basicConfig(level="INFO")
from simulcast.file_limits import raise_limit
raise_limit()
raise_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_a_limit_that_is_higher_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100_000, 200_000))
    assert file_limits.raise_limit() == 100_000


def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one_and_logged_once() -> None:
    done = subprocess.run([sys.executable, "-c", RAISE], cwd=ROOT, capture_output=True, text=True, check=True)
    soft, hard = map(int, done.stdout.split())
    assert soft == hard > 64
    assert done.stderr.count(f"open files: raised from 64 to {hard}") == 1


def test_a_limit_that_cannot_be_raised_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: int, __: tuple[int, int]) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 128))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with caplog.at_level(logging.WARNING):
        file_limits.raise_limit()
    assert "at most 64 open files, clients among them: could not raise that to 128 (not allowed)" in caplog.text


def test_limit_without_end_that_is_refused_is_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def take(_: int, wanted: tuple[int, int]) -> None:
        if wanted[0] > 20_000:
            raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", take)
    with caplog.at_level(logging.INFO):
        file_limits.raise_limit()
    assert "open files: raised from 256 to 10240" in caplog.text
