"""`simulcast doctor`: each thing that is usually wrong, found where it is, and the remedy beside it."""

import logging
import re
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis.asyncio

from simulcast import file_limits
from simulcast.broker import Broker
from simulcast.cli.doctor import machine_checks
from simulcast.cli.doctor.finding import Finding, Severity
from simulcast.cli.doctor.redis_checks import CHANNEL, redis_checks, version
from simulcast.cli.doctor.settings_checks import COMPOSE, check_exposure, check_names
from simulcast.model.channel import ChannelNames
from simulcast.settings.access import AccessSettings
from simulcast.store.connection import connect
from tests.command_line import Command
from tests.ports import free_port
from tests.programs import StartFrontEnd
from tests.service import ROOT
from tests.valkey import Valkey


@pytest.fixture
async def admin(own_valkey: Valkey) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect(own_valkey.url)
    yield client
    await client.aclose()


@dataclass(frozen=True)
class Usage:
    free: int


def one(findings: list[Finding], what: str) -> Finding:
    (found,) = [each for each in findings if each.what == what]
    return found


def test_a_sound_machine_and_redis_are_fine_and_exit_0(simulcast: Command, valkey: Valkey) -> None:
    done = simulcast("doctor", "--port", str(free_port()), REDIS_URL=valkey.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for what in ("Python", "open files", "port", "downloads", "front-end", "worker", "variables", "access"):
        assert re.search(rf"^[✓!] {what} ", done.stdout, re.MULTILINE), what
    for what in ("Redis", "clocks", "version", "persistence", "memory", "pubsub buffer", "rights"):
        assert re.search(rf"^✓ {what} ", done.stdout, re.MULTILINE), what


def test_without_redis_it_says_so_and_what_to_start_and_exits_1(simulcast: Command) -> None:
    url = f"redis://me:secret@127.0.0.1:{free_port()}/0"
    done = simulcast("doctor", "--port", str(free_port()), REDIS_URL=url)
    assert done.returncode == 1
    assert re.search(
        r"^✗ Redis +no Redis at redis://127.0.0.1:\d+/0: start one with `simulcast up`", done.stdout, re.MULTILINE
    )
    assert "secret" not in done.stdout + done.stderr
    assert "clocks" not in done.stdout


def test_mistaken_settings_are_named_with_the_program_and_misspelt_ones_with_what_was_meant(
    simulcast: Command, valkey: Valkey
) -> None:
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


def test_a_variable_that_resembles_none_is_to_be_unset() -> None:
    (finding,) = check_names({"SIMULCAST_ZZZ", "PATH"})
    assert finding.level is Severity.WRONG and "unset it" in finding.remedy


def test_a_setting_by_its_old_name_is_wrong_and_the_new_one_is_named(simulcast: Command, valkey: Valkey) -> None:
    done = simulcast("doctor", "--port", str(free_port()), REDIS_URL=valkey.url, SIMULCAST_SILENCE_S="5")
    assert done.returncode == 1
    for what in ("front-end", "worker", "variables"):
        assert re.search(rf"^✗ {what} +SIMULCAST_SILENCE_S is ", done.stdout, re.MULTILINE), what
    assert "→ it is called SIMULCAST_READ_TIMEOUT_S now" in done.stdout
    assert "✓ Redis" in done.stdout  # the other checks are made all the same


def test_every_variable_of_the_compose_file_is_known() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    document = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    read = set(re.findall(r"\$\{(SIMULCAST_\w+)", text))
    assert read - set(re.findall(r"`(SIMULCAST_\w+)`", document)) == COMPOSE


@pytest.mark.parametrize(
    ("host", "settings", "level"),
    [
        ("127.0.0.1", {}, Severity.FINE),
        ("0.0.0.0", {"token_secret": "x" * 32}, Severity.FINE),
        ("0.0.0.0", {"open_to_everyone": True}, Severity.LOOK),
        ("0.0.0.0", {}, Severity.WRONG),
        ("127.0.0.1", {"token_secret": "short"}, Severity.WRONG),
    ],
)
def test_who_may_get_in_is_told(host: str, settings: Mapping[str, object], level: Severity) -> None:
    found = check_exposure(host, AccessSettings.model_validate({"token_secret": "", **settings}))
    assert found.level is level


@pytest.mark.parametrize(
    ("info", "level"),
    [
        ({"redis_version": "7.0.15"}, Severity.FINE),
        ({"redis_version": "8.2.0"}, Severity.FINE),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2", "server_name": "valkey"}, Severity.FINE),
        ({"redis_version": "6.2.7"}, Severity.WRONG),
        ({}, Severity.WRONG),
    ],
)
def test_the_version_must_know_functions(info: Mapping[str, object], level: Severity) -> None:
    assert version(info).level is level


@pytest.mark.parametrize(
    ("setting", "value", "what", "level"),
    [
        ("appendonly", "no", "persistence", Severity.LOOK),
        ("appendfsync", "no", "persistence", Severity.LOOK),
        ("appendfsync", "everysec", "persistence", Severity.FINE),
        ("client-output-buffer-limit", "pubsub 0 0 0", "pubsub buffer", Severity.LOOK),
        ("client-output-buffer-limit", "pubsub 1000000 0 0", "pubsub buffer", Severity.LOOK),
    ],
)
async def test_a_configuration_that_loses_is_named_with_what_to_set(
    own_valkey: Valkey, admin: redis.asyncio.Redis, setting: str, value: str, what: str, level: Severity
) -> None:
    await admin.config_set(setting, value)
    found = one(await redis_checks(own_valkey.url), what)
    assert found.level is level
    assert found.remedy.startswith("CONFIG SET") == (level is not Severity.FINE)


async def test_a_memory_that_evicts_is_wrong_and_one_that_refuses_is_fine(
    own_valkey: Valkey, admin: redis.asyncio.Redis
) -> None:
    await admin.config_set("maxmemory", "100mb")
    await admin.config_set("maxmemory-policy", "allkeys-lru")
    assert one(await redis_checks(own_valkey.url), "memory").level is Severity.WRONG
    await admin.config_set("maxmemory-policy", "noeviction")
    assert one(await redis_checks(own_valkey.url), "memory").level is Severity.FINE


@pytest.mark.parametrize(
    ("rights", "level", "said"),
    [
        ("~{simulcast:* &simulcast:* +@all -@dangerous +info +function", Severity.FINE, ""),
        ("~{simulcast:* &simulcast:* +@all -@dangerous +info -fcall", Severity.WRONG, "FCALL"),
        ("~{simulcast:* &simulcast:* +@all -@dangerous +info -subscribe", Severity.WRONG, "subscribe"),
        ("~other:* &simulcast:* +@all -@dangerous +info +function", Severity.WRONG, "key"),
    ],
)
async def test_a_right_that_is_missing_is_named(
    own_valkey: Valkey, admin: redis.asyncio.Redis, rights: str, level: Severity, said: str
) -> None:
    await admin.execute_command("ACL", "SETUSER", "app", "on", ">secret", *rights.split())
    found = await redis_checks(own_valkey.url.replace("redis://", "redis://app:secret@"))
    assert one(found, "rights").level is level
    assert said.lower() in one(found, "rights").found.lower()
    assert one(found, "configuration").level is Severity.LOOK  # CONFIG is for administrators


async def test_a_wrong_password_is_told_without_it(own_valkey: Valkey, admin: redis.asyncio.Redis) -> None:
    await admin.config_set("requirepass", "secret")
    (found,) = await redis_checks(own_valkey.url.replace("redis://", "redis://:guessed@"))
    assert found.level is Severity.WRONG and "guessed" not in found.found
    await admin.execute_command("AUTH", "secret")
    await admin.config_set("requirepass", "")


async def test_what_was_tried_in_redis_leaves_nothing_behind(own_valkey: Valkey, admin: redis.asyncio.Redis) -> None:
    await redis_checks(own_valkey.url)
    assert await admin.keys("*") == []
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"type": "x"})
    before = sorted(await admin.keys("*"))
    await redis_checks(own_valkey.url)
    assert sorted(await admin.keys("*")) == before
    assert all(CHANNEL.encode() not in key for key in before) and ChannelNames().meta.encode() in before
    await broker.aclose()


async def test_clocks_that_differ_are_to_be_set(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one(await redis_checks(valkey.url), "clocks").level is Severity.FINE
    monkeypatch.setattr("simulcast.cli.doctor.redis_checks.time.time", lambda: 1_000_000.0)
    found = one(await redis_checks(valkey.url), "clocks")
    assert found.level is Severity.LOOK and "ahead of this machine" in found.found and "NTP" in found.remedy


async def test_a_port_that_is_taken_is_wrong_unless_a_front_end_serves_there(front_end: StartFrontEnd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = await machine_checks.check_port("127.0.0.1", taken.getsockname()[1])
    assert found.level is Severity.WRONG and "is taken" in found.found
    assert (await machine_checks.check_port("127.0.0.1", (await front_end()).port)).level is Severity.FINE
    assert (await machine_checks.check_port("127.0.0.1", free_port())).level is Severity.FINE


@pytest.mark.parametrize(
    ("soft", "hard", "level", "said"),
    [
        (1024, 1_048_576, Severity.FINE, "1,024 now, which a front-end raises to 65,536: about 65,344 clients"),
        (sys.maxsize, sys.maxsize, Severity.FINE, "raises to 1,048,576"),
        (1024, 4096, Severity.LOOK, "about 3,904 clients"),
        (60, 60, Severity.WRONG, "about 0 clients"),
    ],
)
def test_what_open_files_mean_for_clients_is_told(soft: int, hard: int, level: Severity, said: str) -> None:
    found = machine_checks.open_files(soft, hard)
    assert found.level is level and said in found.found
    assert bool(found.remedy) == (level is not Severity.FINE)


def test_a_python_without_uvloop_is_slower() -> None:
    assert machine_checks.python((3, 13, 0), has_uvloop=True).level is Severity.FINE
    assert machine_checks.python((3, 13, 0), has_uvloop=False).level is Severity.LOOK


def test_a_folder_for_downloads_must_be_one_and_have_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine_checks.check_disk(folder / "made" / "later").level is Severity.FINE
    (folder / "file").touch(mode=0o755)
    assert machine_checks.check_disk(folder / "file").level is Severity.WRONG
    for free, level in ((10**9, Severity.LOOK), (10**7, Severity.WRONG)):
        monkeypatch.setattr("simulcast.cli.doctor.machine_checks.shutil.disk_usage", lambda _, free=free: Usage(free))
        assert machine_checks.check_disk(folder).level is level


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


def test_where_an_endless_limit_is_not_meant_what_is_always_allowed_is_taken(
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
