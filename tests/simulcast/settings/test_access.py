"""With which settings a front-end starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulcast.errors import SettingRefused
from simulcast.settings.access import AccessSettings, is_public_bind
from tests.service import ROOT
from tests.signed_tokens import SECRET, rsa_key


def test_only_loopback_is_closed_to_others() -> None:
    hosts = ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "192.168.1.2", "my-machine", "")
    assert [is_public_bind(host) for host in hosts] == [False, False, False, True, True, True, True, True]


def test_network_is_let_in_with_tokens_or_by_a_setting() -> None:
    AccessSettings().check_host("127.0.0.1")
    with pytest.raises(SettingRefused, match=r"--host 0\.0\.0\.0: without tokens.*SIMULCAST_OPEN_TO_EVERYONE=true"):
        AccessSettings().check_host("0.0.0.0")
    AccessSettings(token_secret=SECRET).check_host("0.0.0.0")
    AccessSettings(open_to_everyone=True).check_host("0.0.0.0")


def test_invalid_key_is_refused_by_name_and_never_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match="SIMULCAST_TOKEN_SECRET has 31 bytes, and needs at least 32") as caught:
        AccessSettings(token_secret="s" * 31).check_host("localhost")
    assert "sss" not in str(caught.value)
    with pytest.raises(SettingRefused, match=r"SIMULCAST_TOKEN_PUBLIC_KEY_FILE=.*none\.pem can't be read"):
        AccessSettings(token_public_key_file=str(tmp_path / "none.pem")).check_host("localhost")
    with pytest.raises(SettingRefused, match=r"more than one is set of .*: unset the others"):
        AccessSettings(token_public_key_file=str(tmp_path), token_secret=SECRET).check_host("localhost")


@pytest.mark.parametrize(
    ("flags", "environment", "reason"),
    [
        (["--host", "0.0.0.0"], {}, "--host 0.0.0.0: without tokens"),
        ([], {"SIMULCAST_HOST": "::"}, "--host ::: without tokens"),
        ([], {"SIMULCAST_TOKEN_SECRET": "short"}, "SIMULCAST_TOKEN_SECRET has 5 bytes"),
        ([], {"SIMULCAST_TOKEN_PUBLIC_KEY_FILE": "private.pem"}, "SIMULCAST_TOKEN_PUBLIC_KEY_FILE=private.pem: "),
    ],
)
@pytest.mark.parametrize("program", [["app"], ["simulcast.cli", "serve"]], ids=["app", "serve"])
def test_front_end_that_must_not_start_names_the_reason_in_a_line(
    tmp_path: Path, program: list[str], flags: list[str], environment: dict[str, str], reason: str
) -> None:
    (tmp_path / "private.pem").write_text(rsa_key()[0])
    done = subprocess.run(
        [sys.executable, "-m", *program, *flags],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "REDIS_URL": "redis://127.0.0.1:1"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"simulcast: {reason}") and done.stderr.count("\n") == 1, done.stderr
