"""One row, played: processes started, the fault under load, the journals compared."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis
from websockets.exceptions import WebSocketException

from benchmarks.faults.check import Finding, check
from benchmarks.faults.journal import Kind, Outcome, Published, Seen
from benchmarks.faults.publish import Load
from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from benchmarks.faults.topology import Topology

FRONT_ENDS = 2
MIN_DOWNLOADS = 400
BEFORE_S = 1.0
BETWEEN_S = 1.5
AFTER_S = 1.0
END_SEEN_S = 40.0
NAIVE_END_SEEN_S = 8.0
MAX_SILENCE_S = 10.0  # in which another server has taken over and clients hear of it


@dataclass
class Result:
    """What came out of one row. `skipped`: why it wasn't played."""

    row: Row
    load: Load
    topology: Topology = "single"
    skipped: str = ""
    findings: Sequence[Finding] = ()
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    ends: int = 0
    notes: Sequence[str] = ()
    wrong: Sequence[str] = ()

    def total(self, what: str, *kinds: Kind) -> int:
        """`what`: lost, in_gap, duplicated or reordered, summed over all clients."""
        return sum(getattr(finding, what)[kind] for finding in self.findings for kind in kinds)

    @property
    def gaps(self) -> int:
        """How often a client that keeps its position was told that it can't have everything."""
        return sum(finding.gaps for finding in self.findings if not finding.client.startswith("bare"))

    def silence_s(self, client: str) -> float:
        """The longest of all clients whose name begins so."""
        return max((f.longest_silence_s for f in self.findings if f.client.startswith(client)), default=0.0)

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, told twice or out of order; how fast it was depends on the machine."""
        return not self.wrong and not any(finding.wrong for finding in self.findings)

    @property
    def too_silent(self) -> str:
        """Where another server had to take over: what is wrong about the longest silence, or ""."""
        longest_s = self.silence_s("")
        if self.topology not in self.row.fails_over or longest_s <= MAX_SILENCE_S:
            return ""
        return f"clients heard nothing for {longest_s:.1f} s, which is more than {MAX_SILENCE_S:g} s"

    def complaints(self) -> list[str]:
        """What was wrong, in words, with some examples."""
        told = [f"{f.client}: {f.wrong} wrong: {', '.join(f.examples)}" for f in self.findings if f.wrong]
        return [*self.wrong, *told]


async def play(
    row: Row, load: Load, folder: Path, topology: Topology = "single", occurrences: int = 1, naive: bool = False
) -> Result:
    """Plays it, in an empty `folder`."""
    why = row.why_not(topology) or ("" if row.for_control or not naive else "the control has nothing to do with it")
    if why:
        return Result(row, load, topology, skipped=why)
    stage = Stage(folder, topology, naive=naive)
    async with row.setting(stage):
        try:
            await _under_load(stage, row, load, occurrences)
        except AssertionError as error:  # a process that did not start or end in time
            stage.wrong.append(str(error))
        finally:
            await asyncio.to_thread(stage.close)
    if not (folder / "published.jsonl").exists():
        return Result(row, load, topology, wrong=stage.wrong)
    return await asyncio.to_thread(judged, row, load, stage)


async def _under_load(stage: Stage, row: Row, load: Load, occurrences: int) -> None:
    await asyncio.to_thread(stage.start_servers)
    await stage.start_front_ends(FRONT_ENDS)
    clients = await stage.start_clients()
    publisher = stage.start_publisher(load)
    await stage.publishing()
    enough = asyncio.create_task(asyncio.sleep(MIN_DOWNLOADS / load.downloads_per_s))
    await asyncio.sleep(BEFORE_S)
    try:
        for number in range(occurrences):
            await asyncio.sleep(BETWEEN_S if number else 0)
            await asyncio.to_thread(stage.mend)
            await row.fault(stage)
            await stage.healed()
    except (AssertionError, OSError, WebSocketException, redis.RedisError) as error:
        stage.wrong.append(f"{type(error).__name__}: {error}")  # who lost what is to be counted all the same
    await asyncio.sleep(AFTER_S)
    await enough
    await stage.end(publisher, clients, NAIVE_END_SEEN_S if stage.naive else END_SEEN_S)


def judged(row: Row, load: Load, stage: Stage) -> Result:
    """What the journals of a stage say, whose processes have ended."""
    with (stage.folder / "published.jsonl").open() as lines:
        published = [Published(*json.loads(line)) for line in lines]
    published.sort(key=lambda each: each.called_at)
    journals = sorted((stage.folder / "journals").glob("*.jsonl"))
    outcomes = Counter(each.outcome for each in published)
    if (untold := outcomes["refused"] + outcomes["unknown"]) and not row.refuses and not stage.naive:
        stage.wrong.append(f"{untold} calls of the publisher failed")
    return Result(
        row,
        load,
        stage.topology,
        findings=check(published, ((path.stem, not path.stem.startswith("bare"), _seen(path)) for path in journals)),
        outcomes=outcomes,
        ends=sum(each.is_end for each in published),
        notes=stage.notes,
        wrong=stage.wrong,
    )


def _seen(path: Path) -> Iterator[Seen]:
    with path.open() as lines:
        for line in lines:
            yield Seen(*json.loads(line))
