"""Ours: real workers and their Valkey, from the first submit to the last `download_complete`."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from benchmarks import build, valkey
from benchmarks.downloads.cases import Case
from benchmarks.downloads.source import Source
from benchmarks.downloads.usage import MAX_S, Peak, Usage, seconds_to_disk
from benchmarks.processes import Program, family, wait_for
from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from simulcast.store.connection import connect

START_S = 30.0
ANY_CORE = f"0-{(os.cpu_count() or 1) - 1}"
_NAMES = ChannelNames()


def download(case: Case, source: Source, folder: Path, workers: int, settings: Mapping[str, str]) -> Usage:
    """With that many workers and these settings. CPU is theirs and Valkey's, memory theirs; who submits isn't counted.

    Raises RuntimeError where a download fails, TimeoutError.
    """
    with _service(folder, workers, settings) as (programs, url):
        before = sum(program.cpu_s() for program in programs)
        wall_s = asyncio.run(_all_complete(url, [source.url(name) for name in case.files]))
        cpu_s = sum(program.cpu_s() for program in programs) - before
        disk_s, disk_cpu_s = seconds_to_disk([folder / name for name in case.files])
        peak = Peak()
        peak.look(pid for program in programs[1:] for pid in family(program.pid))
    return Usage(wall_s, wall_s + disk_s, cpu_s + disk_cpu_s, peak.bytes)


@contextmanager
def _service(folder: Path, workers: int, settings: Mapping[str, str]) -> Iterator[tuple[list[Program], str]]:
    data = folder.with_name(f"{folder.name}-data")
    data.mkdir()
    with valkey.running(data, ANY_CORE) as (server, client), ExitStack() as stack:
        url = f"redis://127.0.0.1:{client.get_connection_kwargs()['port']}/0"
        environment = {
            "REDIS_URL": url,
            "SIMULCAST_DOWNLOAD_DIR": str(folder),
            "SIMULCAST_ALLOW_NETWORKS": "127.0.0.0/8",
            "PYTHONPATH": str(build.HERE.parent),
            **settings,
        }
        programs = [server]
        for number in range(workers):
            log = data / f"worker-{number}.log"
            program = Program([sys.executable, "-m", "workers"], ANY_CORE, log, cwd=data, environment=environment)
            stack.callback(program.stop)
            programs.append(program)
        wait_for("all workers listen", START_S, lambda: _listening(client, programs) == workers)
        yield programs, url


def _listening(client: redis.Redis, programs: list[Program]) -> int:
    for program in programs:
        if program.ended:
            raise RuntimeError(f"a worker ended at its start: {program.last_words()}")
    return int(client.pubsub_numsub(_NAMES.wake)[0][1])


async def _all_complete(redis_url: str, urls: list[str]) -> float:
    """Seconds until each of them was told to be complete."""
    loop = asyncio.get_running_loop()
    broker = Broker.connect(redis_url)
    jobs = Jobs.connect(redis_url, broker)
    listening = connect(redis_url, 2)
    try:
        async with listening.pubsub(ignore_subscribe_messages=True) as pubsub, asyncio.timeout(MAX_S):
            await pubsub.subscribe(_NAMES.pubsub)
            began = loop.time()
            submitting = asyncio.create_task(_submit(jobs, urls), name="submit")
            complete = 0
            while complete < len(urls):
                message = await pubsub.get_message(timeout=1.0)
                complete += message is not None and _is_complete(message["data"])
            took_s = loop.time() - began
            await submitting
            return took_s
    finally:
        await listening.aclose()
        await jobs.aclose()
        await broker.aclose()


async def _submit(jobs: Jobs, urls: list[str]) -> None:
    for url in urls:
        await jobs.submit(url)


def _is_complete(message: bytes) -> bool:
    event = json.loads(message.partition(b"\n")[2])
    if event["type"] == "download_error":
        raise RuntimeError(f"{event['name']}: {event['error_message']}")
    return bool(event["type"] == "download_complete")
