"""`simulcast top`: what the processes say of themselves in Redis, as a picture, as JSON, and live."""

import asyncio
import json
import os
import pty
import re
import signal
from pathlib import Path

from rich.console import Console

from simulcast.broker import Broker
from simulcast.cli.top.status_view import NOTHING_RUNS, StatusView
from simulcast.jobs import Jobs
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.model.job_record import STATES
from simulcast.process_registry import FrontEndRecord, Processes, ProcessRegistry, QueueStats, WorkerRecord
from tests.command_line import Command, command_process, wait_ended
from tests.conditions import eventually, until
from tests.file_server import serve_files
from tests.ports import free_port
from tests.programs import StartFrontEnd, StartWorker
from tests.valkey import Valkey

FRONT_END = FrontEndRecord(
    name="host:12:abcdef",
    version="1",
    started_at=1000.0,
    address="127.0.0.1:8080",
    admin="127.0.0.1:9464",
    trouble="",
    channels=1,
    clients=1200,
    behind=3,
    events_per_s=50.04,
    deliveries_per_s=60_000.0,
    bytes_per_s=9_000_000.0,
    lag_s=0.0124,
)
WORKER = WorkerRecord(
    name="host:13:aa", version="1", started_at=1000.0, running=2, max_downloads=4, bytes_per_s=1_500_000.0
)
NO_JOBS = QueueStats(dict.fromkeys(STATES, 0), None)


def text_of(picture: StatusView, width: int = 200) -> str:
    console = Console(width=width)
    with console.capture() as said:
        console.print(picture.render())
    return said.get()


def test_the_picture_has_all_processes_their_sums_and_the_queue() -> None:
    second = FRONT_END.model_copy(update={"name": "host:14:x", "clients": 1, "behind": 0, "lag_s": None})
    jobs = QueueStats({**NO_JOBS.jobs, "queued": 7, "running": 2}, 300.0)
    text = text_of(StatusView(4600.0, Processes([FRONT_END, second], [WORKER], {}), jobs))
    assert "2 front-ends, 1,201 clients (3 behind), 120,000.0 deliveries/s, 18.0 MB/s, lag 12 ms" in text
    row = next(line for line in text.splitlines() if line.startswith("host:12"))
    assert re.sub(r" +", " ", row).strip() == (
        "host:12 127.0.0.1:8080 127.0.0.1:9464 60 min 1,200 3 50.0 60,000.0 9.0 MB 12 ms"
    )
    assert "1 worker, 2 of 4 downloads, 1.5 MB/s" in text
    assert "downloads: 7 queued, 2 running, 0 paused" in text
    assert text.rstrip().endswith("the oldest in the queue has waited for 5 min")


def test_a_front_end_without_events_says_why() -> None:
    troubled = FRONT_END.model_copy(update={"trouble": "Redis does not answer"})
    assert "no events: Redis does not answer" in text_of(StatusView(1000.0, Processes([troubled], [], {}), NO_JOBS))


def test_what_came_from_others_cannot_take_over_the_terminal() -> None:
    evil = WORKER.model_copy(update={"name": "host\x1b[2J:13"})
    assert "\x1b[2J" not in text_of(StatusView(1000.0, Processes([], [evil], {}), NO_JOBS))


def test_where_nothing_runs_it_says_what_to_start(simulcast: Command, valkey: Valkey) -> None:
    done = simulcast("top", "--once", REDIS_URL=valkey.url)
    assert done.returncode == 0, done.stderr
    assert " ".join(done.stdout.split()).startswith(NOTHING_RUNS)


def test_where_no_redis_is_it_says_what_to_start(simulcast: Command) -> None:
    done = simulcast("top", "--json", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "start one with `simulcast up`, or set REDIS_URL" in done.stderr


async def test_front_ends_workers_and_what_they_do_are_seen_and_leave(
    front_end: StartFrontEnd, worker: StartWorker, own_valkey: Valkey, simulcast: Command
) -> None:
    first, second, own = await front_end(), await front_end(), worker()
    seen: dict[str, object] = {}

    async def picture() -> dict[str, object]:
        done = await asyncio.to_thread(simulcast, "top", "--json", REDIS_URL=own_valkey.url)
        assert done.returncode == 0, done.stderr
        seen.update(json.loads(done.stdout))
        return seen

    def found(kind: str) -> list[dict[str, object]]:
        listed = seen[kind]
        assert isinstance(listed, list)
        return listed

    async def all_there() -> bool:
        await picture()
        clients = sum(int(str(each["clients"])) for each in found("front_ends"))
        return len(found("front_ends")) == 2 and len(found("workers")) == 1 and clients == 1

    async with await first.connect():
        await eventually(all_there, "three processes and a client")
    addresses = {each["address"] for each in found("front_ends")}
    assert addresses == {f"127.0.0.1:{each.port}" for each in (first, second)}
    broker = Broker.connect(own_valkey.url)
    jobs = Jobs.connect(own_valkey.url, broker)
    async with serve_files() as files:
        files.contents["a.bin"] = bytes(300_000)
        await jobs.submit(files.url("a.bin"), "a")

        async def downloaded() -> bool:
            await picture()
            return seen["totals"] == {"received_bytes": 300_000}

        await eventually(downloaded, "what the worker has received")
    assert isinstance(seen["jobs"], dict) and seen["jobs"]["complete"] == 1
    await jobs.aclose()
    await broker.aclose()
    own.stop()
    first.stop()

    async def one_left() -> bool:
        await picture()
        return len(found("front_ends")) == 1 and not found("workers")

    await eventually(one_left, "that two have left")


async def test_in_a_terminal_it_goes_on_until_ctrl_c_through_a_loss_of_redis(
    folder: Path, environment: dict[str, str], own_valkey: Valkey
) -> None:
    census = ProcessRegistry.connect(own_valkey.url)
    ours, theirs = pty.openpty()
    drawn = bytearray()
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, lambda: drawn.extend(os.read(ours, 65536)))
    terminal = environment | {"TERM": "xterm-256color", "LINES": "24", "REDIS_URL": own_valkey.url}

    async def shows_the_worker() -> bool:
        await census.heartbeat(WORKER, {})
        return b"2 of 4 downloads" in drawn

    async with command_process(folder, terminal, "top", stdout=theirs) as process:
        await eventually(shows_the_worker, "the worker")
        own_valkey.kill()
        await until(lambda: b"out of date: " in drawn, "the loss")
        own_valkey.start()
        drawn.clear()
        await eventually(shows_the_worker, "the worker again")
        assert await wait_ended(process, signal.SIGINT) == (0, "")
    loop.remove_reader(ours)
    os.close(ours)
    os.close(theirs)
    await census.aclose()


async def test_data_names_the_folder_in_which_up_runs(simulcast: Command, embedded: EmbeddedServer) -> None:
    assert simulcast("top", "--once").returncode == 0
