"""`simulcast doctor` on Redis: each usual mistake is found, and its remedy named."""

import shutil
from collections.abc import AsyncIterator, Mapping

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.cli.doctor.finding import Finding, Severity
from simulcast.cli.doctor.process_checks import check_channels
from simulcast.cli.doctor.redis_checks import CHANNEL, check_version, redis_checks
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.model.processes import WorkerRecord
from simulcast.store.connection import connect
from tests.conditions import eventually
from tests.jobs import URL
from tests.process_records import WORKER
from tests.programs import StartFrontEnd, StartWorker
from tests.valkey import Valkey


@pytest.fixture
async def admin(own_valkey: Valkey) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect(own_valkey.url)
    yield client
    await client.aclose()


def one(findings: list[Finding], subject: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.subject == subject]
    return finding


@pytest.mark.parametrize(
    ("info", "severity"),
    [
        ({"redis_version": "7.0.15"}, Severity.OK),
        ({"redis_version": "8.2.0"}, Severity.OK),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2", "server_name": "valkey"}, Severity.OK),
        ({"redis_version": "6.2.7"}, Severity.ERROR),
        ({}, Severity.ERROR),
    ],
)
def test_doctor_requires_a_redis_with_functions(info: Mapping[str, object], severity: Severity) -> None:
    assert check_version(info).severity is severity


@pytest.mark.parametrize(
    ("setting", "value", "subject", "severity"),
    [
        ("appendonly", "no", "persistence", Severity.WARNING),
        ("appendfsync", "no", "persistence", Severity.WARNING),
        ("appendfsync", "everysec", "persistence", Severity.OK),
        ("client-output-buffer-limit", "pubsub 0 0 0", "pubsub buffer", Severity.WARNING),
        ("client-output-buffer-limit", "pubsub 1000000 0 0", "pubsub buffer", Severity.WARNING),
    ],
)
async def test_doctor_corrects_a_configuration_that_loses_data(
    own_valkey: Valkey, admin: redis.asyncio.Redis, setting: str, value: str, subject: str, severity: Severity
) -> None:
    await admin.config_set(setting, value)
    finding = one(await redis_checks(own_valkey.url), subject)
    assert finding.severity is severity
    assert finding.remedy.startswith("CONFIG SET") == (severity is not Severity.OK)


async def test_doctor_misses_front_ends_and_workers(
    own_valkey: Valkey, front_end: StartFrontEnd, worker: StartWorker
) -> None:
    findings = await redis_checks(own_valkey.url)
    for kind, command in (("front-ends", "simulcast serve"), ("workers", "simulcast work")):
        assert one(findings, kind).severity is Severity.WARNING and command in one(findings, kind).remedy
    await front_end()
    worker()

    async def both_run() -> bool:
        findings = await redis_checks(own_valkey.url)
        return all(one(findings, kind).severity is Severity.OK for kind in ("front-ends", "workers"))

    await eventually(both_run, "heartbeats of both")


async def test_doctor_names_the_channels_whose_downloads_no_worker_takes(
    own_valkey: Valkey, worker: StartWorker, own_jobs: Jobs
) -> None:
    worker(SIMULCAST_WORKER_CHANNELS="films,team-*")
    for name in ("team-a", "music", "books"):
        await own_jobs.in_channel(name).submit(URL)

    async def is_registered() -> bool:
        return one(await redis_checks(own_valkey.url), "workers").severity is Severity.OK

    await eventually(is_registered, "a heartbeat of the worker")
    finding = one(await redis_checks(own_valkey.url), "channels")
    assert finding.severity is Severity.WARNING and finding.result.startswith("books, music: ")
    assert "SIMULCAST_WORKER_CHANNELS" in finding.remedy


def test_doctor_believes_that_a_worker_of_another_release_serves_any_channel() -> None:
    older = WorkerRecord.model_validate_json(WORKER.model_dump_json(exclude={"channels"}))
    odd, newer = (WORKER.model_copy(update={"channels": channels}) for channels in (["a b?"], ["films"]))
    for silent in (older, odd):
        finding = check_channels(["films", "music"], [silent, newer])
        assert finding.severity is Severity.OK and finding.result.startswith("music: ")
    assert check_channels(["films", "music"], [newer]).severity is Severity.WARNING
    assert check_channels(["films"], [newer, older]).result == check_channels([], [newer]).result


async def test_doctor_tells_a_disk_that_takes_nothing_from_a_missing_right(
    own_valkey: Valkey, admin: redis.asyncio.Redis
) -> None:
    await admin.config_set("save", "3600 1")
    assert [finding.severity for finding in await redis_checks(own_valkey.url) if finding.subject == "disk"] == []
    shutil.rmtree(own_valkey.folder)
    await admin.bgsave()

    async def failed() -> bool:
        return bool((await admin.info("persistence"))["rdb_last_bgsave_status"] == "err")

    await eventually(failed, "a snapshot that failed")
    findings = await redis_checks(own_valkey.url)
    assert one(findings, "disk").severity is Severity.ERROR and "free some space" in one(findings, "disk").remedy
    assert "rights" not in [finding.subject for finding in findings]
    await admin.config_set("save", "")  # so that it may end


async def test_doctor_refuses_eviction(own_valkey: Valkey, admin: redis.asyncio.Redis) -> None:
    await admin.config_set("maxmemory", "100mb")
    await admin.config_set("maxmemory-policy", "allkeys-lru")
    assert one(await redis_checks(own_valkey.url), "memory").severity is Severity.ERROR
    await admin.config_set("maxmemory-policy", "noeviction")
    assert one(await redis_checks(own_valkey.url), "memory").severity is Severity.OK


async def test_doctor_warns_before_redis_is_full(own_valkey: Valkey, admin: redis.asyncio.Redis) -> None:
    used = (await admin.info("memory"))["used_memory"]
    await admin.config_set("maxmemory", used * 10 // 9)
    finding = one(await redis_checks(own_valkey.url), "memory")
    assert finding.severity is Severity.WARNING and "refuses publications" in finding.result


@pytest.mark.parametrize(
    ("rights", "severity", "text"),
    [
        ("~{simulcast:* &simulcast:* +@all -@dangerous +info +function", Severity.OK, ""),
        ("~{simulcast:* &simulcast:* +@all -@dangerous +info -fcall", Severity.ERROR, "FCALL"),
        ("~{simulcast:* &simulcast:* +@all -@dangerous +info -subscribe", Severity.ERROR, "subscribe"),
        ("~other:* &simulcast:* +@all -@dangerous +info +function", Severity.ERROR, "key"),
    ],
)
async def test_doctor_names_a_missing_right(
    own_valkey: Valkey, admin: redis.asyncio.Redis, rights: str, severity: Severity, text: str
) -> None:
    await admin.execute_command("ACL", "SETUSER", "app", "on", ">secret", *rights.split())
    findings = await redis_checks(own_valkey.url.replace("redis://", "redis://app:secret@"))
    assert one(findings, "rights").severity is severity
    assert text.lower() in one(findings, "rights").result.lower()
    assert one(findings, "configuration").severity is Severity.WARNING  # CONFIG is for administrators


@pytest.fixture
async def with_password(own_valkey: Valkey, admin: redis.asyncio.Redis) -> AsyncIterator[str]:
    """The address, without password, of a server that requires the password `secret`."""
    await admin.config_set("requirepass", "secret")
    yield own_valkey.url
    await admin.execute_command("AUTH", "secret")
    await admin.config_set("requirepass", "")


async def test_doctor_does_not_show_a_wrong_password(with_password: str) -> None:
    (finding,) = await redis_checks(with_password.replace("redis://", "redis://:guessed@"))
    assert finding.severity is Severity.ERROR and "guessed" not in finding.result


async def test_doctor_answers_a_missing_password_with_redis_url_and_not_with_acls(with_password: str) -> None:
    (finding,) = await redis_checks(with_password)
    assert finding.severity is Severity.ERROR and "ACL" not in finding.result + finding.remedy
    assert "requires a user and a password: put them into REDIS_URL" in finding.result
    assert (
        one(await redis_checks(with_password.replace("redis://", "redis://:secret@")), "rights").severity is Severity.OK
    )


async def test_doctor_leaves_nothing_in_redis(own_valkey: Valkey, admin: redis.asyncio.Redis) -> None:
    await redis_checks(own_valkey.url)
    assert await admin.keys("*") == []
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"type": "x"})
    before = sorted(await admin.keys("*"))
    await redis_checks(own_valkey.url)
    assert sorted(await admin.keys("*")) == before
    assert all(CHANNEL.encode() not in key for key in before) and ChannelNames().meta.encode() in before
    await broker.aclose()


async def test_doctor_compares_clocks(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one(await redis_checks(valkey.url), "clocks").severity is Severity.OK
    monkeypatch.setattr("simulcast.cli.doctor.redis_checks.time.time", lambda: 1_000_000.0)
    finding = one(await redis_checks(valkey.url), "clocks")
    assert (
        finding.severity is Severity.WARNING and "ahead of this machine" in finding.result and "NTP" in finding.remedy
    )
