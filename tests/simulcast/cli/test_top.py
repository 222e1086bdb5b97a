"""`simulcast top`: the status of processes in Redis, as tables, as JSON, and live."""

import asyncio
import json
import os
import pty
import re
import signal
from pathlib import Path

import pytest
from rich.console import Console

from simulcast.broker import Broker
from simulcast.cli.top.status_view import NOTHING_RUNS, StatusView
from simulcast.jobs import Jobs
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.model.job_record import STATES
from simulcast.model.processes import Processes, QueueStats, ServiceStatus
from simulcast.process_registry import ProcessRegistry
from tests.command_line import Command, command_process, wait_ended
from tests.conditions import eventually, until
from tests.file_server import serve_files
from tests.ports import free_port
from tests.process_records import FRONT_END, WORKER
from tests.programs import StartFrontEnd, StartWorker
from tests.valkey import Valkey

NO_JOBS = QueueStats(dict.fromkeys(STATES, 0), None)


def view(at: float, processes: Processes, queue: QueueStats) -> StatusView:
    return StatusView(ServiceStatus.of(at, processes, queue))


def text_of(picture: StatusView, width: int = 200) -> str:
    console = Console(width=width)
    with console.capture() as output:
        console.print(picture)
    return output.get()


def test_status_has_all_processes_their_sums_and_the_queue() -> None:
    second = FRONT_END.model_copy(update={"name": "host:14:x", "clients": 1, "behind": 0, "lag_s": None})
    jobs = QueueStats({**NO_JOBS.jobs, "queued": 7, "running": 2}, 300.0)
    text = text_of(view(4600.0, Processes([FRONT_END, second], [WORKER], {}), jobs))
    assert "2 front-ends, 1,201 clients (3 behind), 120,000.0 deliveries/s, 18.0 MB/s, lag 12 ms" in text
    row = next(line for line in text.splitlines() if line.startswith("host:12"))
    assert re.sub(r" +", " ", row).strip() == (
        "host:12 127.0.0.1:8080 127.0.0.1:9464 60 min 1,200 3 50.0 60,000.0 9.0 MB 12 ms"
    )
    assert "1 worker, 2 of 4 downloads, 1.5 MB/s" in text
    assert "downloads: 7 queued, 2 running, 0 paused" in text
    assert text.rstrip().endswith("the oldest in the queue has waited for 5 min")
    with_jobs = QueueStats(NO_JOBS.jobs, None, {"running": 1_000, "error": 2})
    text = text_of(view(4600.0, Processes([], [], {}), with_jobs))
    assert text.rstrip().endswith("other jobs: 1,000 running, 2 error")


def test_status_names_the_reason_why_a_front_end_has_no_events() -> None:
    troubled = FRONT_END.model_copy(update={"trouble": "Redis does not answer"})
    assert "no events: Redis does not answer" in text_of(view(1000.0, Processes([troubled], [], {}), NO_JOBS))


def test_status_of_others_cannot_control_the_terminal() -> None:
    evil = WORKER.model_copy(update={"name": "host\x1b[2J:13"})
    assert "\x1b[2J" not in text_of(view(1000.0, Processes([], [evil], {}), NO_JOBS))


def test_status_without_processes_names_the_commands_that_start_them(simulcast: Command, valkey: Valkey) -> None:
    done = simulcast("top", "--once", REDIS_URL=valkey.url)
    assert done.returncode == 0, done.stderr
    assert " ".join(done.stdout.split()).startswith(NOTHING_RUNS)


def test_top_without_redis_names_the_remedy(simulcast: Command) -> None:
    done = simulcast("top", "--json", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert (done.returncode, done.stdout) == (3, "")
    assert "start one with `simulcast up`, or set REDIS_URL" in done.stderr


@pytest.mark.long
async def test_top_shows_front_ends_and_workers_until_they_end(
    front_end: StartFrontEnd, worker: StartWorker, own_valkey: Valkey, simulcast: Command
) -> None:
    first, second, own = await front_end(), await front_end(), worker()
    seen: dict[str, object] = {}

    async def picture() -> dict[str, object]:
        done = await asyncio.to_thread(simulcast, "top", "--json", REDIS_URL=own_valkey.url)
        assert done.returncode == 0, done.stderr
        seen.update(json.loads(done.stdout))
        return seen

    def records(kind: str) -> list[dict[str, object]]:
        listed = seen[kind]
        assert isinstance(listed, list)
        return listed

    async def all_there() -> bool:
        await picture()
        clients = sum(int(str(record["clients"])) for record in records("front_ends"))
        return len(records("front_ends")) == 2 and len(records("workers")) == 1 and clients == 1

    async with await first.connect():
        await eventually(all_there, "three processes and a client")
    addresses = {record["address"] for record in records("front_ends")}
    assert addresses == {f"127.0.0.1:{program.port}" for program in (first, second)}
    broker = Broker.connect(own_valkey.url)
    jobs = Jobs.connect(own_valkey.url, broker)
    async with serve_files() as files:
        files.contents["a.bin"] = bytes(300_000)
        await jobs.submit(files.url("a.bin"), "a")

        async def downloaded() -> bool:
            await picture()
            return seen["totals"] == {"received_bytes": 300_000}

        await eventually(downloaded, "the bytes that the worker received")
    assert isinstance(seen["jobs"], dict) and seen["jobs"]["complete"] == 1
    await jobs.aclose()
    await broker.aclose()
    own.stop()
    first.stop()

    async def one_left() -> bool:
        await picture()
        return len(records("front_ends")) == 1 and not records("workers")

    await eventually(one_left, "that two have left")


@pytest.mark.long
async def test_top_continues_through_a_loss_of_redis_until_ctrl_c(
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


async def test_top_finds_redis_by_the_folder_of_up(simulcast: Command, embedded: EmbeddedServer) -> None:
    assert simulcast("top", "--once").returncode == 0
