"""The sender of webhooks dies in the middle of anything; each end is told all the same, in order and with its id."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from simulcast.model.channel import ChannelNames
from simulcast.model.publication import known_stream_entry
from tests.chaos.receiver import read_journal
from tests.chaos.webhooks import End, Findings, check
from tests.conditions import eventually, until
from tests.ports import free_port
from tests.service import Program
from tests.webhook_receiver import SECRET

KILLS = 6
MAX_MORE_TOLD = 20  # ends that are told before a sender dies: sometimes none, sometimes many
TOLD_S = 180.0  # a deadline: after a lease of a delivery, and tries of a receiver that fails now and then
POLL_S = 0.3
JOURNAL = "webhooks.jsonl"


@asynccontextmanager
async def receiving(stage: Stage) -> AsyncIterator[None]:
    """A receiver in a process of its own, of which the workers know."""
    port = free_port()
    receiver = Program(
        ["-m", "tests.chaos.receiver", str(port), str(stage.folder / JOURNAL)], stage.folder / "receiver.log"
    )
    stage.worker_environment |= {
        "SIMULCAST_WEBHOOKS": f"http://127.0.0.1:{port}/ends",
        "SIMULCAST_WEBHOOK_SECRET": SECRET,
    }
    try:
        yield
    finally:
        receiver.kill_all()


async def killed(stage: Stage) -> None:
    """Kill each worker in turn while it sends; then compare what was told with the history."""
    chance = random.Random(1)
    for _ in range(KILLS):
        await _more_told(stage, chance.randrange(1, MAX_MORE_TOLD))
        stage.workers.pop(0).kill()
        stage.start_worker()
    expected, findings = _ended(stage), Findings()

    async def is_told() -> bool:
        await asyncio.sleep(POLL_S)
        return {end for end, _ in _told(stage)} >= expected

    await eventually(is_told, "each end", TOLD_S)
    check(_told(stage), expected, findings)
    stage.wrong += findings.wrong
    stage.notes.append(f"{len(expected)} ends told, {findings.repeated} of them again")


async def _more_told(stage: Stage, number: int) -> None:
    journal = stage.folder / JOURNAL
    journal.touch()
    size = journal.read_bytes().count(b"\n") + number
    await until(lambda: journal.read_bytes().count(b"\n") >= size, "ends that are told", TOLD_S)


def _told(stage: Stage) -> list[tuple[End, str]]:
    """Each end that the receiver wrote down, numbered by its offset, and its id."""
    told = list[tuple[End, str]]()
    for line in read_journal(stage.folder / JOURNAL):
        key = str(line.event["download_id"])
        told.append((("", key, int(str(line.event["event_id"]).partition("-")[2])), line.message_id))
    return told


def _ended(stage: Stage) -> set[End]:
    """All ends in the history, but deletions of what had ended."""
    with stage.redis() as client:
        entries = cast(list[tuple[bytes, dict[bytes, bytes]]], client.xrange(ChannelNames().history))
    found = (known_stream_entry(position, fields.get(b"e", b"")) for position, fields in entries)
    return {
        ("", each.key, each.position.offset)
        for each in found
        if each is not None and each.label.startswith("e") and not each.label.startswith("e:download_deleted:")
    }


ROWS = (Row("sender-kill", f"the sender of webhooks: `kill -9`, {KILLS} times", killed, receiving, for_control=False),)
