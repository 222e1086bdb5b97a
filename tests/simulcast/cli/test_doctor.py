"""`simulcast doctor`: each usual mistake is found, and its remedy named."""

import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulcast.cli.doctor import machine_checks
from simulcast.cli.doctor.finding import Severity
from simulcast.cli.doctor.settings_checks import COMPOSE, check_exposure, check_names
from simulcast.settings.access import AccessSettings
from tests.command_line import Command
from tests.key_server import jwk, key_server
from tests.ports import free_port
from tests.programs import StartFrontEnd
from tests.service import ROOT
from tests.signed_tokens import private_key
from tests.valkey import Valkey


@dataclass(frozen=True)
class Usage:
    free: int


def test_doctor_finds_nothing_wrong_here_and_exits_0(simulcast: Command, valkey: Valkey) -> None:
    done = simulcast("doctor", "--port", str(free_port()), REDIS_URL=valkey.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for subject in ("Python", "open files", "port", "downloads", "front-end", "worker", "variables", "access"):
        assert re.search(rf"^[✓!] {subject} ", done.stdout, re.MULTILINE), subject
    for subject in ("Redis", "clocks", "version", "persistence", "memory", "pubsub buffer", "rights"):
        assert re.search(rf"^✓ {subject} ", done.stdout, re.MULTILINE), subject


def test_doctor_without_redis_names_the_remedy_and_exits_1(simulcast: Command) -> None:
    url = f"redis://me:secret@127.0.0.1:{free_port()}/0"
    done = simulcast("doctor", "--port", str(free_port()), REDIS_URL=url)
    assert done.returncode == 1
    assert re.search(
        r"^✗ Redis +no Redis at redis://127.0.0.1:\d+/0: start one with `simulcast up`", done.stdout, re.MULTILINE
    )
    assert "secret" not in done.stdout + done.stderr
    assert "clocks" not in done.stdout


def test_doctor_names_invalid_settings_and_corrects_misspelt_ones(simulcast: Command, valkey: Valkey) -> None:
    settings = {
        "SIMULCAST_LEASE_S": "0",
        "SIMULCAST_TOKEN_SECRT": "hush-hush",
        "SIMULCAST_PUBLISH": "x",
        "SIMULCAST_TOKEN": "hush-hush",
    }
    done = simulcast("doctor", "--port", str(free_port()), REDIS_URL=valkey.url, **settings)
    assert done.returncode == 1
    assert re.search(r"^✗ worker +SIMULCAST_LEASE_S=0: Input should be greater", done.stdout, re.MULTILINE)
    assert re.search(r"^✓ front-end ", done.stdout, re.MULTILINE)
    assert re.search(r"^✗ variables +SIMULCAST_TOKEN_SECRT is set", done.stdout, re.MULTILINE)
    assert "did you mean SIMULCAST_TOKEN_SECRET?" in done.stdout
    assert "SIMULCAST_PUBLISH" not in done.stdout and "hush-hush" not in done.stdout
    assert "SIMULCAST_TOKEN is set" not in done.stdout


def test_doctor_advises_to_unset_an_unknown_variable() -> None:
    (finding,) = check_names({"SIMULCAST_ZZZ", "PATH"})
    assert finding.severity is Severity.ERROR and "unset it" in finding.remedy


def test_doctor_names_the_new_name_of_a_renamed_setting(simulcast: Command, valkey: Valkey) -> None:
    done = simulcast("doctor", "--port", str(free_port()), REDIS_URL=valkey.url, SIMULCAST_SILENCE_S="5")
    assert done.returncode == 1
    for subject in ("front-end", "worker", "variables"):
        assert re.search(rf"^✗ {subject} +SIMULCAST_SILENCE_S is ", done.stdout, re.MULTILINE), subject
    assert "→ it is called SIMULCAST_READ_TIMEOUT_S now" in done.stdout
    assert "✓ Redis" in done.stdout  # the other checks are made all the same


def test_doctor_knows_every_variable_of_the_compose_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    document = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    read = set(re.findall(r"\$\{(SIMULCAST_\w+)", text))
    assert read - set(re.findall(r"`(SIMULCAST_\w+)`", document)) == COMPOSE


@pytest.mark.parametrize(
    ("host", "settings", "severity"),
    [
        ("127.0.0.1", {}, Severity.OK),
        ("0.0.0.0", {"token_secret": "x" * 32}, Severity.OK),
        ("0.0.0.0", {"open_to_everyone": True}, Severity.WARNING),
        ("0.0.0.0", {}, Severity.ERROR),
        ("127.0.0.1", {"token_secret": "short"}, Severity.ERROR),
    ],
)
def test_doctor_reports_exposure(host: str, settings: Mapping[str, object], severity: Severity) -> None:
    finding = check_exposure(host, AccessSettings.model_validate({"token_secret": "", **settings}))
    assert finding.severity is severity


def test_doctor_reads_the_key_set() -> None:
    with key_server() as server:
        settings = AccessSettings(token_jwks_url=server.url)
        assert check_exposure("0.0.0.0", settings).severity is Severity.ERROR
        server.publish(jwk(private_key("ES256"), "a"), jwk(private_key("EdDSA"), "b"))
        finding = check_exposure("0.0.0.0", settings)
        assert finding.severity is Severity.OK and "everyone who has a token (ES256, EdDSA)" in str(finding)
        server.status = 503
        finding = check_exposure("0.0.0.0", settings)
        assert finding.severity is Severity.ERROR and "it answers with status 503" in str(finding)


async def test_doctor_accepts_a_taken_port_only_from_a_front_end(front_end: StartFrontEnd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = await machine_checks.check_port("127.0.0.1", taken.getsockname()[1])
    assert finding.severity is Severity.ERROR and "is taken" in finding.result
    assert (await machine_checks.check_port("127.0.0.1", (await front_end()).port)).severity is Severity.OK
    assert (await machine_checks.check_port("127.0.0.1", free_port())).severity is Severity.OK


@pytest.mark.parametrize(
    ("soft", "hard", "severity", "text"),
    [
        (1024, 1_048_576, Severity.OK, "1,024 now, which a front-end raises to 65,536: about 65,336 clients"),
        (sys.maxsize, sys.maxsize, Severity.OK, "raises to 1,048,576"),
        (1024, 4096, Severity.WARNING, "about 3,896 clients"),
        (60, 60, Severity.ERROR, "about 0 clients"),
    ],
)
def test_doctor_counts_the_clients_that_open_files_allow(soft: int, hard: int, severity: Severity, text: str) -> None:
    finding = machine_checks.check_open_files(soft, hard)
    assert finding.severity is severity and text in finding.result
    assert bool(finding.remedy) == (severity is not Severity.OK)


def test_doctor_recommends_uvloop() -> None:
    assert machine_checks.check_python((3, 13, 0), has_uvloop=True).severity is Severity.OK
    assert machine_checks.check_python((3, 13, 0), has_uvloop=False).severity is Severity.WARNING


def test_doctor_requires_a_writable_download_folder_with_free_space(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine_checks.check_disk(folder / "made" / "later").severity is Severity.OK
    (folder / "file").touch(mode=0o755)
    assert machine_checks.check_disk(folder / "file").severity is Severity.ERROR
    for free, severity in ((10**9, Severity.WARNING), (10**7, Severity.ERROR)):
        monkeypatch.setattr("simulcast.cli.doctor.machine_checks.shutil.disk_usage", lambda _, free=free: Usage(free))
        assert machine_checks.check_disk(folder).severity is severity
