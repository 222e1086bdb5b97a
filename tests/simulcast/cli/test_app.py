import json
import os
import re
import subprocess
import sys

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.model.position import Position
from tests.command_line import Command, assert_complaint
from tests.jobs import history_at
from tests.ports import free_port
from tests.valkey import Valkey

PROGRESS = '{"type":"download_progress","download_id":"x","progress":1,"speed":1}'
NAMES = ("up", "serve", "work", "publish", "watch", "add", "demo", "top", "doctor")


def test_help_names_every_command_and_how_to_begin(simulcast: Command) -> None:
    text = simulcast("--help").stdout
    assert all(f" {name} " in text for name in NAMES)
    assert "Start with `simulcast up`" in text and "http://localhost:8080" in text


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        (
            "up",
            ["--host", "--port", "--front-ends", "--workers", "--data", "--redis-url", "SIMULCAST_PORT", "REDIS_URL"],
        ),
        ("serve", ["--host", "--port", "SIMULCAST_HOST", "--admin-port"]),
        ("work", ["--redis-url"]),
        ("publish", ["CHANNEL", "JSON", "standard input", "--data"]),
        ("watch", ["--url", "http://localhost:8080", "--channel"]),
        ("add", ["URL", "--redis-url", "--data"]),
        ("demo", ["--jobs", "--seconds"]),
        ("top", ["--once", "--json", "--redis-url", "--data"]),
        ("doctor", ["--host", "--port", "SIMULCAST_PORT", "--redis-url", "Exit code 1"]),
    ],
)
def test_help_of_each_command_names_its_flags(simulcast: Command, name: str, flags: list[str]) -> None:
    done = simulcast(name, "--help")
    assert done.returncode == 0
    assert [flag for flag in flags if flag not in done.stdout] == []


def test_version_is_printed(simulcast_process: Command) -> None:
    assert re.match(r"simulcast(,| \d+\.\d+)", simulcast_process("--version").stdout)


def test_error_is_printed_and_is_exit_code_1(simulcast_process: Command) -> None:
    done = simulcast_process("add", "ftp://example.com/x")
    assert "'ftp://example.com/x' can't be downloaded" in assert_complaint(done)


def test_wrong_usage_is_exit_code_2(simulcast: Command) -> None:
    assert (
        simulcast("publish").returncode == simulcast("up", "--port", "x").returncode == simulcast("fly").returncode == 2
    )


async def test_publish_prints_the_event_id(simulcast: Command, embedded: EmbeddedServer) -> None:
    done = simulcast("publish", "downloads", PROGRESS)
    assert done.returncode == 0, done.stderr
    assert Position.parse(done.stdout.strip()).offset == 1
    assert await history_at(embedded.url) == [
        {"type": "download_progress", "download_id": "x", "progress": 1.0, "speed": 1}
    ]


async def test_publish_reads_standard_input(simulcast: Command, valkey: Valkey, channel: str) -> None:
    done = simulcast("publish", channel, "-", stdin='{"type":"grüße"}', REDIS_URL=valkey.url)
    assert done.returncode == 0, done.stderr
    assert await history_at(valkey.url, channel) == [{"type": "grüße"}]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("{type:x}", r"no JSON: '\{type:x\}' .*single quotes"),
        ("Hello", "no JSON: 'Hello'"),
        (os.fsdecode(b'{"x":"\xff"}'), "not UTF-8"),
        ('{"progress":NaN}', "NaN is no JSON"),
        ("[1]", r"a JSON object in braces, not \[1\]"),
        ('{"event_id":"1-1"}', "event_id"),
        ('{"type":"download_progress","download_id":"x","progress":75,"speed":1}', "divide a percentage by 100"),
        (json.dumps({"x": "y" * 70_000}), "may have 65,536"),
    ],
)
async def test_publish_names_the_mistake_in_an_event(
    simulcast: Command, valkey: Valkey, channel: str, text: str, pattern: str
) -> None:
    assert re.search(pattern, assert_complaint(simulcast("publish", channel, text, REDIS_URL=valkey.url)))
    assert await history_at(valkey.url, channel) == []


def test_publish_refuses_an_invalid_channel(simulcast: Command, valkey: Valkey) -> None:
    assert "a channel has 1 to 100 of" in assert_complaint(
        simulcast("publish", "my channel", "{}", REDIS_URL=valkey.url)
    )


@pytest.mark.parametrize("arguments", [("publish", "downloads", "{}"), ("add", "http://example.com/x"), ("demo",)])
def test_commands_without_redis_name_the_remedy(simulcast: Command, arguments: tuple[str, ...]) -> None:
    port = free_port()
    text = assert_complaint(simulcast(*arguments, "--redis-url", f"redis://me:secret@localhost:{port}/0"), 3)
    assert (
        text == f"simulcast: no Redis at redis://localhost:{port}/0: start one with `simulcast up`, or set REDIS_URL\n"
    )


def test_redis_url_that_is_invalid_is_named_without_its_password(simulcast: Command) -> None:
    text = assert_complaint(simulcast("publish", "downloads", "{}", REDIS_URL="http://me:secret@localhost"))
    assert "'http://localhost' is no address of a Redis" in text and "secret" not in text


async def test_missing_password_of_redis_is_answered_with_its_place(
    simulcast: Command, embedded: EmbeddedServer
) -> None:
    url = f"redis://localhost:{embedded.port}/0"
    for arguments in (("publish", "downloads", "{}"), ("add", "http://example.com/x")):
        assert "data/redis.url" in assert_complaint(simulcast(*arguments, "--redis-url", url), 4)
    wrong = f"redis://simulcast:guess@localhost:{embedded.port}/0"
    text = assert_complaint(simulcast("publish", "downloads", "{}", "--redis-url", wrong), 4)
    assert "refuses the user or the password" in text and "guess" not in text


async def test_add_queues_downloads_and_prints_their_ids(simulcast: Command, embedded: EmbeddedServer) -> None:
    urls = ["https://me:secret@example.com/a%1b%20b.iso", "http://example.com/c"]
    done = simulcast("add", *urls)
    assert done.returncode == 0, done.stderr
    ids = [line.split()[0] for line in done.stdout.splitlines()]
    assert done.stdout.splitlines() == [f"{ids[0]}  a b.iso", f"{ids[1]}  c"]
    broker = Broker.connect(embedded.url)
    jobs = Jobs.connect(embedded.url, broker)
    records = [await jobs.get(download_id) for download_id in ids]
    await jobs.aclose()
    await broker.aclose()
    assert [(record.state, record.url) for record in records] == [
        ("queued", "https://example.com/a%1b%20b.iso"),
        ("queued", "http://example.com/c"),
    ]


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        ("ftp://example.com/x", "'ftp://example.com/x' can't be downloaded: it must begin with http:// or https://"),
        ("example.com/x", "'example.com/x' can't be downloaded: it must begin"),
        ("http:///x", "must name a host"),
        ("http://me:secret@[::1/x", r"\A(?s:(?!.*secret).*)downloaded: it is no web address"),
        ("http://example.com/a b", "percent-encode"),
        (os.fsdecode(b"http://example.com/\xff"), "percent-encode"),
        ("http://example.com/" + "x" * 5000, "and may have 4,096"),
    ],
)
async def test_add_names_the_mistake_in_a_url_and_queues_nothing(
    simulcast: Command, embedded: EmbeddedServer, url: str, pattern: str
) -> None:
    assert re.search(pattern, assert_complaint(simulcast("add", "http://example.com/good", url)))
    assert await history_at(embedded.url) == []


def test_mistakes_are_named_without_redis_too(simulcast: Command) -> None:
    none = f"redis://localhost:{free_port()}/0"
    assert "braces" in assert_complaint(simulcast("publish", "downloads", "[]", "--redis-url", none))
    assert "ftp://" in assert_complaint(simulcast("add", "ftp://example.com/x", "--redis-url", none))


async def test_demo_runs_jobs_from_beginning_to_end(simulcast: Command, embedded: EmbeddedServer) -> None:
    done = simulcast("demo", "--jobs", "3", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2 complete, 1 error"
    kinds = [event["type"] for event in await history_at(embedded.url)]
    assert [kinds.count(f"job_{kind}") for kind in ("queued", "started", "complete", "error")] == [3, 3, 2, 1]


def test_up_names_an_invalid_setting(simulcast: Command) -> None:
    assert "SIMULCAST_LOG=loud: Input should be 'debug'" in assert_complaint(simulcast("up", SIMULCAST_LOG="loud"))


REMOTE_ONLY = """
import sys
sys.modules.update(dict.fromkeys(("redis", "fastapi", "starlette", "uvicorn", "jwt")))  # as if they were missing
from simulcast.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("list", "--url", "{url}"), 3, "no server at"),
        (("add", "http://example.com/a", "--url", "{url}"), 3, "no server at"),
        (("publish", "news", "{}", "--url", "{url}"), 3, "no server at"),
        (("top", "--once", "--url", "{url}"), 3, "no server at"),
        (("watch", "--url", "ftp://x"), 1, "no address of a service"),
        (("list",), 1, "needs the package redis: pip install 'simulcast[server]', or name a service elsewhere"),
        (("up",), 1, "pip install 'simulcast[server]'"),
    ],
)
def test_commands_about_a_service_elsewhere_need_no_redis(
    environment: dict[str, str], arguments: tuple[str, ...], code: int, words: str
) -> None:
    given = [argument.replace("{url}", f"http://127.0.0.1:{free_port()}") for argument in arguments]
    command = [sys.executable, "-c", REMOTE_ONLY, *given]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == code and words in done.stderr and "Traceback" not in done.stderr, done
