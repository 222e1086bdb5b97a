"""Webhooks while receiver, workers, front-ends and Redis are killed at random; then the count.

python -m tests.chaos.webhooks --ends 10000 --seconds 300 --output FILE
"""

import argparse
import asyncio
import json
import logging
import os
import platform
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path

from tests.chaos.receiver import read_journal
from tests.conditions import eventually
from tests.file_server import Files, serve_files
from tests.ports import free_port
from tests.service import FrontEnd, Program, Worker
from tests.valkey import Valkey
from tests.webhook_receiver import SECRET

MAX_KEYS = 40  # of ends that are published; each has many, in order
MAX_PAUSE_S = 4.0  # between two kills, so that programs start in between on a busy machine too
SETTLE_S = 300.0  # a lease of a delivery, and what a receiver that fails is waited for
POLL_S = 0.5
log = logging.getLogger("chaos")
End = tuple[str, str, object]  # address, key, number


@dataclass
class Plan:
    """`ends`: about a tenth of them are those of downloads, each of which has a callback, too."""

    ends: int
    seconds: float
    naive: bool = False
    seed: int = 1

    @property
    def downloads(self) -> int:
        return self.ends // 10

    @property
    def keys(self) -> int:
        return min(MAX_KEYS, max(1, self.ends // 20))


@dataclass
class Findings:
    """What went wrong, in words; empty is good. `kills` by program. `told`: ends by address; `repeated`: came again."""

    wrong: list[str] = field(default_factory=list)
    kills: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    told: int = 0
    repeated: int = 0


class Stage:
    """All programs, each of which may be killed and started again."""

    def __init__(self, plan: Plan, folder: Path, files: Files) -> None:
        self.plan = plan
        self.files = files
        self.journal = folder / "journal"
        self.valkey = Valkey(folder / "valkey").start()
        self.random = random.Random(plan.seed)
        self._folder = folder
        self._ports = {name: free_port() for name in ("receiver", "front-end-0", "front-end-1")}
        self.address = f"http://127.0.0.1:{self._ports['receiver']}/ends"
        senders = ["naive"] if plan.naive else []
        self.programs = {name: self._start(name) for name in (*self._ports, "worker-0", "worker-1", *senders)}

    def _start(self, name: str) -> Program:
        output, url = self._folder / f"{name}.log", self.valkey.url
        if name == "receiver":
            return Program(["-m", "tests.chaos.receiver", str(self._ports[name]), str(self.journal)], output)
        if name == "naive":
            command = ["-m", "tests.chaos.naive_sender", self.address]
            return Program(command, output, REDIS_URL=url)
        if name.startswith("front-end"):
            return FrontEnd(url, output, port=self._ports[name])
        webhooks = {} if self.plan.naive else {"SIMULCAST_WEBHOOKS": self.address, "SIMULCAST_WEBHOOK_SECRET": SECRET}
        return Worker(url, output, self._folder / "downloads", SIMULCAST_LEASE_S="2", **webhooks)

    @property
    def front_end(self) -> FrontEnd:
        """One of them, which may be away."""
        found = self.programs[f"front-end-{self.random.randrange(2)}"]
        assert isinstance(found, FrontEnd)
        return found

    async def replace(self, name: str) -> None:
        """Kill a program, and start it again after a while."""
        pause_s = self.random.uniform(0.0, 1.0)
        if name == "redis":
            self.valkey.kill()
            await asyncio.sleep(pause_s)
            await asyncio.to_thread(self.valkey.start)
            return
        await asyncio.to_thread(self.programs[name].kill)
        await asyncio.sleep(pause_s)
        self.programs[name] = self._start(name)

    def stop(self) -> None:
        for program in self.programs.values():
            program.kill_all()
        self.valkey.stop()

    def lines(self) -> list[tuple[End, str]]:
        """Return each end that the receiver wrote down, and its id."""
        found = list[tuple[End, str]]()
        for line in read_journal(self.journal):
            key = str(line.event.get("download_id") or line.event["key"])
            found.append(((line.to, key, line.event.get("n", 0)), line.message_id))
        return found


async def run(plan: Plan, folder: Path) -> Findings:
    """Everything, in `folder`; its findings."""
    findings = Findings()
    async with AsyncExitStack() as stack:
        files = await stack.enter_async_context(serve_files())
        stage = Stage(plan, folder, files)
        stack.callback(stage.stop)
        expected: set[End] = set()
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(kill_at_random(stage, findings, over))
            await asyncio.gather(
                add_downloads(stage, expected), *(publish(stage, key, expected) for key in range(plan.keys))
            )
            over.set()
        for name in () if plan.naive else ("redis", *stage.programs):  # whatever the last moment left behind
            await stage.replace(name)

        async def is_told() -> bool:
            await asyncio.sleep(POLL_S)  # each look reads all
            return {end for end, _ in await asyncio.to_thread(stage.lines)} >= expected

        try:
            await eventually(is_told, "each end", 5.0 if plan.naive else SETTLE_S)
        except AssertionError:
            log.info("not each end was told")
        check(stage.lines(), expected, findings)
    return findings


async def insist(stage: Stage, path: str, body: object) -> None:
    """Repeat a request until a front-end has carried it out."""
    while True:
        with suppress(HTTPException, ValueError):  # it was killed while it answered
            status, answer = await stage.front_end.post(path, body)
            if status in (200, 201) and '"error":' not in json.dumps(answer):
                return
        await asyncio.sleep(0.1)


async def add_downloads(stage: Stage, expected: set[End]) -> None:
    count = stage.plan.downloads
    for number in range(count):
        name = f"d{number}"
        stage.files.contents[name] = stage.random.randbytes(1000)
        body = {"url": stage.files.url(name), "download_id": name}
        expected.add(("", name, 0))
        if not stage.plan.naive:
            body["callback_url"] = f"{stage.address}?callback"
            expected.add(("callback", name, 0))
        await insist(stage, "/downloads", body)
        await asyncio.sleep(stage.plan.seconds / count)


async def publish(stage: Stage, key: int, expected: set[End]) -> None:
    count = (stage.plan.ends - stage.plan.downloads) // stage.plan.keys
    for n in range(1, count + 1):
        event = {"type": "render", "key": f"k{key}", "n": n}
        item = {"event": event, "key": f"k{key}", "ends": True, "idempotency_key": f"{key} {n}"}
        expected.add(("", f"k{key}", n))
        await insist(stage, "/publish", {"items": [item]})
        await asyncio.sleep(stage.plan.seconds / count)


async def kill_at_random(stage: Stage, findings: Findings, over: asyncio.Event) -> None:
    while not over.is_set():
        name = stage.random.choice([*stage.programs, "receiver", "worker-0", "worker-1", "redis"])
        log.info("%s: kill -9", name)
        findings.kills[name.partition("-")[0]] += 1
        await stage.replace(name)
        await asyncio.sleep(stage.random.uniform(0.0, min(MAX_PAUSE_S, stage.plan.seconds / 4)))


def check(lines: list[tuple[End, str]], expected: set[End], findings: Findings) -> None:
    """Each end was told, those of a key in their order, and each with an id of its own in all its repetitions."""
    findings.wrong += list(_losses(lines, expected))
    ids: dict[End, str] = {}
    newest: dict[tuple[str, str], object] = {}
    for end, message_id in lines:
        address, key, number = end
        if end in ids:
            findings.repeated += 1
            if ids[end] != message_id:
                findings.wrong.append(f"{end} came again with another id")
            continue
        ids[end] = message_id
        if (previous := newest.get((address, key), 0)) > number:  # type: ignore[operator]
            findings.wrong.append(f"{end} came behind {previous}")
        newest[address, key] = number
    findings.told = len(ids)
    numbered = {(key, number): message_id for (_, key, number), message_id in ids.items()}
    if len(set(numbered.values())) < len(numbered):
        findings.wrong.append("two ends share an id")


def _losses(lines: list[tuple[End, str]], expected: set[End]) -> Iterator[str]:
    for end in sorted(expected - {end for end, _ in lines}, key=str):
        yield f"{end} was never told"


def line(plan: Plan, found: Findings) -> str:
    """Return a row of the page."""
    sender = "a naive sender" if plan.naive else "workers"
    lost = sum(finding.endswith("was never told") for finding in found.wrong)
    kills = ", ".join(f"{name} {number}" for name, number in sorted(found.kills.items()))
    counts = (plan.ends, kills, found.told, found.repeated, lost, len(found.wrong) - lost)
    return f"| {sender} | {' | '.join(map(str, counts))} |"


def page(lines: list[str], command: str) -> str:
    """Return what is written into benchmarks/results."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"""\
# Webhooks while everything is killed

Made by `{command}`, on {time.strftime("%Y-%m-%d")}; {machine}.

A tenth of the ends are those of downloads, each with a callback of its own beside the address of all ends; the others
are published in the order of up to {MAX_KEYS} keys. Meanwhile the receiver, the front-ends, the workers and Redis are
killed by `kill -9` at random and started again. The receiver fails now and then before and after it has written an end
down, and sometimes never answers. *Told* counts ends by address; *again* are repetitions; *wrong* are ends out of the
order of their key, repetitions with another id, and ends that share one. The naive sender posts what it hears live.

| sender | ends | `kill -9` | told | again | lost | wrong |
|---|---:|---|---:|---:|---:|---:|
{chr(10).join(lines)}
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.webhooks", description=__doc__)
    parser.add_argument("--ends", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write a page")
    flags = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    plan, lines, is_good = Plan(flags.ends, flags.seconds, seed=flags.seed), [], True
    for played in (plan, replace(plan, ends=plan.ends // 10, seconds=plan.seconds / 10, naive=True)):
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(run(played, Path(folder)))
        lines.append(line(played, found))
        print(lines[-1], *found.wrong[:20], sep="\n", flush=True)
        is_good &= bool(found.wrong) == played.naive
    if flags.output:
        command = f"python -m tests.chaos.webhooks --ends {plan.ends} --seconds {plan.seconds:g} --seed {plan.seed}"
        flags.output.write_text(page(lines, command))
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
