"""Commands about a service elsewhere, by its REST API: against a real front-end, with and without tokens."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.download_options import DownloadOptions
from simulcast.model.own_job import about
from simulcast.own_jobs import OwnJobs
from tests.command_line import Command, Done, assert_complaint, command_process
from tests.nginx import BELOW, Nginx
from tests.ports import free_port
from tests.programs import one_front_end
from tests.service import FrontEnd
from tests.signed_tokens import SECRET, token

Remote = Callable[..., Done]
NO_REDIS = f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with one_front_end(tmp_path_factory.mktemp("guarded"), SIMULCAST_TOKEN_SECRET=SECRET) as program:
        yield program


@pytest.fixture
def elsewhere(simulcast: Command, shared_front_end: FrontEnd) -> Remote:
    """Run a command about the shared front-end, whose Redis it can't reach."""

    def run(*arguments: str, **settings: str) -> Done:
        url = f"http://127.0.0.1:{shared_front_end.port}"
        return simulcast(*arguments, SIMULCAST_URL=url, REDIS_URL=NO_REDIS, **settings)

    return run


@pytest.fixture
async def own_jobs(shared_front_end: FrontEnd, shared_broker: Broker) -> OwnJobs:
    return OwnJobs.connect(shared_front_end.redis_url, shared_broker)


def test_a_download_is_added_listed_paused_resumed_cancelled_retried_and_deleted(elsewhere: Remote) -> None:
    added = elsewhere("add", "http://example.com/a.iso", "--limit", "2MB", "--priority", "3")
    download_id, name = added.stdout.split()
    assert name == "a.iso"
    for action in ("pause", "resume", "cancel", "retry"):
        assert elsewhere(action, download_id).stdout == f"{download_id}  {action} is recorded\n"
    assert elsewhere("limit", "500kB", download_id).stdout == f"{download_id}  limit is recorded\n"
    fresh = "http://example.com/a.iso?signature=2"
    assert elsewhere("relink", download_id, fresh).stdout == f"{download_id}  relink is recorded\n"
    known = f"{download_id}  a.iso  was added before and is queued; --again adds it again\n"
    assert elsewhere("add", fresh).stdout == known
    assert elsewhere("list", "--kind", "download").stdout == f"{download_id}  queued      0%  a.iso\n"
    (record,) = json.loads(elsewhere("list", "--json").stdout)["records"]
    assert (record["limit_bytes_per_s"], record["priority"], record["download_id"]) == (500_000, 3, download_id)
    refused = assert_complaint(elsewhere("resume", download_id))
    assert refused == f"simulcast: can't resume download {download_id} in its present state\n"
    assert elsewhere("delete", download_id, "--file").stdout == f"{download_id}  delete is recorded\n"
    assert download_id not in elsewhere("list").stdout


def test_all_that_have_ended_are_cleared_and_unknown_ones_are_named(elsewhere: Remote) -> None:
    first, second = (elsewhere("add", f"http://example.com/{name}").stdout.split()[0] for name in "ab")
    done = elsewhere("cancel", "nobody", first)
    assert (done.returncode, done.stdout) == (1, f"{first}  cancel is recorded\n")
    assert done.stderr == "simulcast: there is no download or job nobody\n"
    assert elsewhere("pause", "no/body").stderr == "simulcast: there is no download or job no/body\n"
    assert elsewhere("clear").returncode == 0
    assert elsewhere("list", "--state", "queued").stdout.split()[0] == second
    assert first not in elsewhere("list").stdout
    elsewhere("cancel", second)
    elsewhere("clear")


async def test_other_jobs_take_the_same_commands(elsewhere: Remote, own_jobs: OwnJobs) -> None:
    await own_jobs.queue("scan/7", about("scan/7", "scan", "Letters"))
    await own_jobs.queue("waits", about("waits", "scan", "More"))
    await own_jobs.aclose()
    refused = assert_complaint(await asyncio.to_thread(elsewhere, "pause", "scan/7"))
    assert refused == "simulcast: can't pause job scan/7: a job is cancelled or deleted\n"
    listed = (await asyncio.to_thread(elsewhere, "list", "--kind", "scan", "--limit", "1")).stdout.splitlines()
    assert len(listed) == 2 and listed[1] == "1 more: --limit shows them"
    assert (await asyncio.to_thread(elsewhere, "cancel", "scan/7")).stdout == "scan/7  cancel is recorded\n"
    for job_id in ("scan/7", "waits"):
        assert (await asyncio.to_thread(elsewhere, "delete", job_id)).stdout == f"{job_id}  delete is recorded\n"
    assert (await asyncio.to_thread(elsewhere, "list", "--kind", "scan")).stdout == ""


async def test_jobs_of_another_channel_are_named_with_it(elsewhere: Remote, own_jobs: OwnJobs) -> None:
    team = own_jobs.in_channel("team-7")
    await team.queue("report", about("report", "scan", "Sales"))
    await team.aclose()
    flags = ("--channel", "team-7")
    listed = await asyncio.to_thread(elsewhere, "list", *flags)
    assert listed.stdout == "report  queued      0%  Sales  scan\n"
    assert (await asyncio.to_thread(elsewhere, "cancel", "report")).returncode == 1
    for action in ("cancel", "delete"):
        done = await asyncio.to_thread(elsewhere, action, "report", *flags)
        assert done.stdout == f"report  {action} is recorded\n"
    assert (await asyncio.to_thread(elsewhere, "list", *flags)).stdout == ""
    added = await asyncio.to_thread(elsewhere, "add", "http://example.com/a.iso", *flags)
    download_id = added.stdout.split()[0]
    for action in ("pause", "cancel", "delete"):
        listed = await asyncio.to_thread(elsewhere, "list", *flags)
        assert listed.stdout.split()[0] == download_id
        assert (await asyncio.to_thread(elsewhere, action, download_id)).returncode == 1
        assert (await asyncio.to_thread(elsewhere, action, download_id, *flags)).returncode == 0
    assert (await asyncio.to_thread(elsewhere, "list", *flags)).stdout == ""


async def test_options_of_a_download_arrive_with_their_secrets(
    elsewhere: Remote, shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    flags = ["--name", "mine.iso", "--checksum", "md5:" + "0" * 32, "--header", "Cookie: s3cr3t"]
    done = await asyncio.to_thread(elsewhere, "add", "http://example.com/options.iso", *flags)
    jobs = Jobs.connect(shared_front_end.redis_url, shared_broker)
    claim = await jobs.claim("host:1", 30)
    assert claim is not None and claim.record.download_id == done.stdout.split()[0]
    options = DownloadOptions.from_json(claim.fields["options"])
    assert (options.name, options.checksum) == ("mine.iso", "md5:" + "0" * 32)
    assert options.headers["Cookie"].get_secret_value() == "s3cr3t"
    await jobs.aclose()


async def test_an_event_is_published_once_and_channels_are_counted(
    elsewhere: Remote, shared_front_end: FrontEnd
) -> None:
    async with await shared_front_end.connect("?channel=news") as client:
        flags = ["--key", "k", "--ttl", "60", "--idempotency-key", "once"]
        done = await asyncio.to_thread(elsewhere, "publish", "news", '{"type":"n", "one":1.50}', *flags)
        async with asyncio.timeout(20):
            while '"one"' not in (text := str(await client.recv())):
                pass
        again = await asyncio.to_thread(elsewhere, "publish", "news", '{"type":"n"}', "--json", *flags)
        assert json.loads(again.stdout) == {"event_id": done.stdout.strip()}
        assert text.startswith(f'{{"event_id":"{done.stdout.strip()}",')
        assert text.endswith('"type":"n","one":1.5}')

        async def counted() -> Any:
            return json.loads((await asyncio.to_thread(elsewhere, "channels", "--json")).stdout)["channels"]

        async with asyncio.timeout(30):
            while {"channel": "news", "clients": 1} not in await counted():
                pass
        assert "1  news\n" in (await asyncio.to_thread(elsewhere, "channels")).stdout


def test_top_shows_the_front_end_without_addresses_of_operators(elsewhere: Remote, shared_front_end: FrontEnd) -> None:
    status = json.loads(elsewhere("top", "--json").stdout)
    (record,) = status["front_ends"]
    assert record["address"] == f"127.0.0.1:{shared_front_end.port}"
    assert (record["admin"], record["clients_by_channel"], status["workers"]) == ("", {}, [])
    assert "1 front-end, " in elsewhere("top", "--once").stdout


def test_each_result_and_each_error_is_a_line_of_json(elsewhere: Remote) -> None:
    added = elsewhere("add", "--json", "http://example.com/a", "http://example.com/b")
    records = [json.loads(line) for line in added.stdout.splitlines()]
    assert [record["name"] for record in records] == ["a", "b"]
    ids = [record["download_id"] for record in records]
    done = elsewhere("cancel", "--json", *ids, "nobody")
    expected = [{"action": "cancel", "id": each, "status": "accepted"} for each in ids]
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected
    assert json.loads(done.stderr) == {"error": "failed", "message": "there is no download or job nobody"}
    assert json.loads(elsewhere("clear", "--json").stdout) == {"action": "clear", "status": "accepted"}
    wrong = elsewhere("list", "--json", "--limit", "none")
    assert wrong.returncode == 2 and json.loads(wrong.stderr)["error"] == "usage"


def test_a_service_with_tokens_names_the_one_that_is_missing_and_the_scope_that_lacks(
    simulcast: Command, guarded: FrontEnd, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{guarded.port}"
    for arguments in (("list",), ("pause", "x"), ("add", "http://example.com/a"), ("top", "--once"), ("channels",)):
        text = assert_complaint(simulcast(*arguments, "--url", url), 4)
        assert "(401)" in text and "simulcast token" in text and "SIMULCAST_TOKEN" in text
    watching = token("watch")
    assert simulcast("list", "--url", url, SIMULCAST_TOKEN=watching).returncode == 0
    refused = assert_complaint(simulcast("pause", "x", "--url", url, "--token", watching), 4)
    assert "doesn't have the scope command" in refused and watching not in refused
    (tmp_path / "token").write_text(token("command publish"))
    given = ("--url", url, "--token", f"@{tmp_path}/token")
    assert simulcast("add", "http://example.com/a", *given).returncode == 0
    assert simulcast("publish", "downloads", "{}", *given).returncode == 0
    elsewhere = assert_complaint(simulcast("publish", "another", "{}", *given), 4)
    assert "channel another" in elsewhere
    assert "is no token" in assert_complaint(simulcast("list", "--url", url, SIMULCAST_TOKEN="a b"))  # noqa: S106


def test_watch_without_a_token_says_so_at_once(simulcast: Command, guarded: FrontEnd) -> None:
    text = assert_complaint(simulcast("watch", "--url", f"http://127.0.0.1:{guarded.port}"), 4)
    assert text.startswith(f"simulcast: http://127.0.0.1:{guarded.port} requires a token; set SIMULCAST_TOKEN")


def test_commands_work_below_a_path_and_name_one_that_is_wrong(
    simulcast: Command, shared_front_end: FrontEnd, tmp_path: Path
) -> None:
    proxy = Nginx(tmp_path, shared_front_end.port)
    try:
        root = f"http://127.0.0.1:{proxy.port}"
        for url in (f"{root}{BELOW}", f"{root}{BELOW}ws", f"ws://127.0.0.1:{proxy.port}{BELOW}ws"):
            assert simulcast("list", "--url", url).returncode == 0
        for arguments in (("list",), ("clear",), ("pause", "x"), ("cancel", "x"), ("top", "--json")):
            wrong = simulcast(*arguments, "--url", f"{root}/y")
            assert wrong.returncode in (1, 4) and "is its path right?" in wrong.stderr, wrong
    finally:
        proxy.stop()


def test_a_flag_for_redis_wins_over_the_variable_of_a_service_elsewhere(elsewhere: Remote) -> None:
    assert "no Redis at" in assert_complaint(elsewhere("list", "--redis-url", NO_REDIS), 3)
    assert elsewhere("list", "--redis-url", NO_REDIS, "--url", "http://localhost").returncode == 2


async def test_watch_prints_each_event_as_it_came_in_a_line_of_json(
    shared_front_end: FrontEnd, shared_broker: Broker, folder: Path, environment: dict[str, str]
) -> None:
    url = f"http://127.0.0.1:{shared_front_end.port}"
    arguments = ("watch", "--json", "--url", url, "--channel", "one", "--channel", "two")
    async with command_process(folder, environment, *arguments) as process, asyncio.timeout(60):
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(await process.stderr.readline()) == {"status": f"connected to ws{url[4:]}/ws"}
        await shared_broker.publish('{"type":"note","n":1.50}', "one")
        first = await process.stdout.readline()
        await shared_broker.publish('{"type":"note",\n"n":2}', "two")
        second = await process.stdout.readline()
        process.terminate()
    assert first.rstrip().endswith(b'"type":"note","n":1.50}') and json.loads(first)["channel"] == "one"
    assert (json.loads(second)["channel"], json.loads(second)["n"]) == ("two", 2)
