"""Commands about downloads, from the command line."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.model.download_options import DownloadOptions
from simulcast.model.own_job import about, measures
from simulcast.own_jobs import OwnJobs
from tests.command_line import Command, assert_complaint
from tests.jobs import history_at

NAMES = (
    "pause",
    "resume",
    "cancel",
    "retry",
    "limit",
    "relink",
    "move",
    "schedule",
    "rename",
    "delete",
    "clear",
    "list",
)


def test_help_names_the_commands_about_downloads(simulcast: Command) -> None:
    text = simulcast("--help").stdout
    assert all(f" {name} " in text for name in NAMES)


async def test_a_download_is_paused_resumed_cancelled_retried_and_deleted(
    simulcast: Command, embedded: EmbeddedServer
) -> None:
    download_id = simulcast("add", "http://example.com/a.iso").stdout.split()[0]
    for action in ("pause", "resume", "cancel", "retry", "cancel", "delete"):
        assert simulcast(action, download_id).stdout == f"{download_id}  {action} is recorded\n"
    types = [str(event["type"]).removeprefix("download_") for event in await history_at(embedded.url)]
    assert types == ["queued", "paused", "queued", "cancelled", "queued", "cancelled", "deleted"]
    assert simulcast("list").stdout == ""


def test_rejected_commands_are_named_and_the_others_are_recorded(simulcast: Command, embedded: EmbeddedServer) -> None:
    download_id = simulcast("add", "http://example.com/a.iso").stdout.split()[0]
    done = simulcast("pause", "nobody", download_id)
    assert done.returncode == 1
    assert done.stdout == f"{download_id}  pause is recorded\n"
    assert done.stderr == "simulcast: there is no download or job nobody\n"
    assert "cancel it first" not in assert_complaint(simulcast("pause", download_id))


def test_downloads_are_listed_and_cleared(simulcast: Command, embedded: EmbeddedServer) -> None:
    first, second = (simulcast("add", f"http://example.com/{name}.iso").stdout.split()[0] for name in "ab")
    simulcast("cancel", first)
    lines = simulcast("list").stdout.splitlines()
    assert {line.split()[0]: line.split()[1] for line in lines} == {first: "cancelled", second: "queued"}
    assert simulcast("list", "--state", "queued").stdout.split()[0] == second
    assert "there are queued" in assert_complaint(simulcast("list", "--state", "flying"))
    assert simulcast("list", "--limit", "1").stdout.endswith("1 more: --limit shows them\n")
    assert simulcast("clear").returncode == 0
    assert json.dumps(first) not in simulcast("list").stdout and first not in simulcast("list").stdout


async def test_other_jobs_are_listed_by_kind_cancelled_and_deleted_by_the_same_commands(
    simulcast: Command, embedded: EmbeddedServer
) -> None:
    download_id = simulcast("add", "http://example.com/a.iso").stdout.split()[0]
    broker = Broker.connect(embedded.url)
    own_jobs = OwnJobs.connect(embedded.url, broker)
    await own_jobs.queue("waits", about("waits", "scan", "Letters"))
    await own_jobs.start("runs", about("runs", "render", "Holiday.mp4"), "token", "here")
    await own_jobs.progress("runs", "token", measures(done=3, total=10, unit="frames", message="first pass"))
    assert set(simulcast("list").stdout.splitlines()) == {
        "runs  running    30%  Holiday.mp4  render  first pass",
        "waits  queued      0%  Letters  scan",
        f"{download_id}  queued      0%  a.iso",
    }
    assert [line.split()[0] for line in simulcast("list", "--kind", "scan").stdout.splitlines()] == ["waits"]
    assert [line.split()[0] for line in simulcast("list", "--state", "running").stdout.splitlines()] == ["runs"]
    assert simulcast("list", "--kind", "download").stdout.split()[0] == download_id
    assert simulcast("list", "--state", "paused").stdout == simulcast("list", "--kind", "none").stdout == ""
    assert simulcast("list", "--limit", "1").stdout.splitlines()[1:] == ["2 more: --limit shows them"]

    assert "can't pause job runs: a job is cancelled or deleted" in assert_complaint(simulcast("pause", "runs"))
    assert "it runs, so cancel it first" in assert_complaint(simulcast("delete", "runs"))
    assert simulcast("cancel", "runs", "waits").stdout == "runs  cancel is recorded\nwaits  cancel is recorded\n"
    assert simulcast("list", "--kind", "render").stdout.split()[:2] == ["runs", "cancelling"]
    assert await own_jobs.end("runs", "token", "cancelled", result={"n": 1}) == "cancelled"
    assert simulcast("list", "--kind", "render").stdout.rstrip().endswith('render  {"n":1}')
    assert simulcast("delete", "waits").stdout == "waits  delete is recorded\n"
    assert simulcast("clear").returncode == 0
    assert simulcast("list").stdout.split()[0] == download_id
    await own_jobs.aclose()
    await broker.aclose()


async def test_jobs_of_another_channel_are_named_with_it(simulcast: Command, embedded: EmbeddedServer) -> None:
    broker = Broker.connect(embedded.url)
    team = OwnJobs.connect(embedded.url, broker, "team-7")
    await team.queue("report", about("report", "scan", "Sales"))
    await team.aclose()
    await broker.aclose()
    assert simulcast("list").stdout == ""
    assert simulcast("list", "--channel", "team-7").stdout == "report  queued      0%  Sales  scan\n"
    assert "there is no download or job report" in assert_complaint(simulcast("cancel", "report"))
    refused = assert_complaint(simulcast("cancel", "x", "--channel", "team-7"))
    assert "there is no download or job x in channel team-7" in refused
    for action in ("cancel", "delete"):
        assert simulcast(action, "report", "--channel", "team-7").stdout == f"report  {action} is recorded\n"
    assert simulcast("list", "--channel", "team-7").stdout == ""
    assert "a channel has" in assert_complaint(simulcast("list", "--channel", "a b"))


@pytest.mark.usefixtures("embedded")
def test_downloads_of_another_channel_are_added_listed_and_commanded_in_it(simulcast: Command) -> None:
    flags = ("--channel", "team-7")
    download_id = simulcast("add", "http://example.com/a.iso", *flags).stdout.split()[0]
    assert simulcast("list").stdout == ""
    assert "there is no download" in assert_complaint(simulcast("pause", download_id))
    for command in (
        ["pause", download_id], ["resume", download_id], ["limit", "2MB", download_id],
        ["relink", download_id, "http://example.com/b.iso"], ["cancel", download_id], ["retry", download_id],
        ["cancel", download_id], ["clear"],
    ):  # fmt: skip
        assert simulcast("list", *flags).stdout.split()[0] == download_id
        done = simulcast(*command, *flags)
        assert done.returncode == 0, done
    assert simulcast("list", *flags).stdout == ""


async def test_limit_changes_the_speed_that_add_set(simulcast: Command, embedded: EmbeddedServer) -> None:
    digest = "md5:" + "0" * 32
    flags = ["--name", "mine.iso", "--checksum", digest, "--limit", "2MB", "--priority", "3"]
    flags += ["--start-at", "2020-02-29T12:00", "--folder", "films/2026"]
    added = simulcast("add", "http://example.com/a.iso", "--header", "Cookie: s3cr3t", *flags)
    download_id, name = added.stdout.split()
    assert name == "mine.iso"
    (record,) = json.loads(simulcast("list", "--json").stdout)["records"]
    assert record["folder"] == "films/2026"
    assert record["start_at"] == datetime(2020, 2, 29, 12).astimezone().timestamp()
    broker = Broker.connect(embedded.url)
    jobs = Jobs.connect(embedded.url, broker)
    assert simulcast("limit", "500kB", download_id).stdout == f"{download_id}  limit is recorded\n"
    claim = await jobs.claim("host:1", 30)
    assert claim is not None
    options = DownloadOptions.from_json(claim.fields["options"])
    assert options.headers["Cookie"].get_secret_value() == "s3cr3t"
    assert options.folder == "films/2026"
    assert (options.checksum, claim.record.priority, claim.record.limit_bytes_per_s) == (digest, 3, 500_000)
    simulcast("limit", "0", download_id)
    assert (await jobs.get(download_id)).limit_bytes_per_s is None
    await jobs.aclose()
    await broker.aclose()


async def test_add_reads_headers_from_a_file_against_the_list_of_processes(
    simulcast: Command, embedded: EmbeddedServer, tmp_path: Path
) -> None:
    (tmp_path / "headers").write_text("Cookie: a=b; c=d\nX-Key: ü\n", encoding="latin-1")
    simulcast("add", "http://example.com/a.iso", "--header", f"@{tmp_path}/headers")
    broker = Broker.connect(embedded.url)
    jobs = Jobs.connect(embedded.url, broker)
    claim = await jobs.claim("host:1", 30)
    assert claim is not None
    options = DownloadOptions.from_json(claim.fields["options"])
    assert {name: value.get_secret_value() for name, value in options.headers.items()} == {
        "Cookie": "a=b; c=d",
        "X-Key": "ü",
    }
    await jobs.aclose()
    await broker.aclose()


async def test_a_fresh_link_is_recorded_and_a_second_download_of_a_url_is_only_added_again_where_that_is_stated(
    simulcast: Command, embedded: EmbeddedServer
) -> None:
    download_id = simulcast("add", "http://example.com/a.iso").stdout.split()[0]
    assert "SIMULCAST_DOWNLOAD_SCHEMES" in assert_complaint(simulcast("relink", download_id, "ftp://example.com/a"))
    fresh = "http://example.com/a.iso?signature=2"
    assert simulcast("relink", download_id, fresh).stdout == f"{download_id}  relink is recorded\n"
    known = f"{download_id}  a.iso  was added before and is queued; --again adds it again\n"
    assert simulcast("add", fresh).stdout == known
    assert simulcast("add", fresh, "--again").stdout.split()[1:] == ["a.iso"]


def test_add_names_the_flag_of_a_mistake(simulcast: Command, embedded: EmbeddedServer) -> None:
    def refused(*flags: str) -> str:
        return assert_complaint(simulcast("add", "http://example.com/a.iso", *flags))

    assert "--header: Host can't be given" in refused("--header", "Host: x")
    assert "'Name: value'" in refused("--header", "nonsense")
    assert "can't read the file" in refused("--header", "@/nowhere")
    assert "--checksum: begins with one of" in refused("--checksum", "crc32:0")
    assert "'fast' is no speed" in refused("--limit", "fast")
    assert "'soon' is no time" in refused("--start-at", "soon")
    assert "--start-at: is at most a year ahead" in refused("--start-at", "9999-01-01")
    assert "--folder: begins with a slash" in refused("--folder", "/films")
    assert "--proxy: looks like" in refused("--proxy", "proxy.example")
    assert "2 URLs are given" in refused("http://example.com/b.iso", "--name", "x")
    assert "'-1' is no speed" in assert_complaint(simulcast("limit", "--", "-1", "x"))
    assert simulcast("list").stdout == ""


def test_a_folder_of_another_user_stops_no_command_that_has_an_address(
    simulcast: Command, embedded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # root may read everything
    assert simulcast("list", REDIS_URL=embedded.url).returncode == 0


def test_downloads_are_moved_in_the_queue_in_the_order_that_was_given(
    simulcast: Command, embedded: EmbeddedServer
) -> None:
    ids = [simulcast("add", f"http://example.com/{name}").stdout.split()[0] for name in "abcd"]

    def queue() -> str:
        listed = json.loads(simulcast("list", "--json").stdout)["records"]
        listed.sort(key=lambda record: record["queue_rank"])
        return "".join("abcd"[ids.index(record["download_id"])] for record in listed)

    a, b, c, d = ids
    assert simulcast("move", d, b, "--first").stdout.splitlines()[0] == f"{d}  move is recorded"
    assert queue() == "dbac"
    simulcast("move", a, c, "--before", b)
    assert queue() == "dacb"
    simulcast("move", d, "--after", c)
    simulcast("move", a, "--last")
    assert queue() == "cdba"
    assert simulcast("move", a, "--priority", "-3").stdout == f"{a}  prioritize is recorded\n"
    simulcast("move", b, "--priority", "3")
    assert queue() == "bcda"
    assert "give one of" in assert_complaint(simulcast("move", a))
    assert "give one of" in assert_complaint(simulcast("move", a, "--first", "--last"))
    assert "beside itself" in assert_complaint(simulcast("move", a, "--before", a))
    assert "no download nobody that waits" in assert_complaint(simulcast("move", a, "--after", "nobody"))


@pytest.mark.usefixtures("embedded")
def test_schedule_changes_the_start(simulcast: Command) -> None:
    download_id = simulcast("add", "http://example.com/a").stdout.split()[0]

    def start() -> object:
        return json.loads(simulcast("list", "--json").stdout)["records"][0]["start_at"]

    tomorrow = (datetime.now() + timedelta(days=1)).replace(microsecond=0)
    said = simulcast("schedule", tomorrow.isoformat(), download_id).stdout
    assert (said, start()) == (f"{download_id}  schedule is recorded\n", tomorrow.astimezone().timestamp())
    simulcast("schedule", "now", download_id)
    assert start() is None
    assert "'soon' is no time" in assert_complaint(simulcast("schedule", "soon", download_id))
    assert "at most a year ahead" in assert_complaint(simulcast("schedule", "9999-01-01", download_id))


@pytest.mark.usefixtures("embedded")
def test_rename_changes_the_name_of_the_file(simulcast: Command) -> None:
    download_id = simulcast("add", "http://example.com/a").stdout.split()[0]
    assert simulcast("rename", download_id, "b ü.iso").stdout == f"{download_id}  rename is recorded\n"
    assert "b ü.iso" in simulcast("list").stdout
    assert "the name of a file alone" in assert_complaint(simulcast("rename", download_id, "../b"))
