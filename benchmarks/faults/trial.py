"""One row, played: processes started, the fault under load, the journals compared."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import redis
from websockets.exceptions import WebSocketException

from benchmarks.faults.check import MAX_EXAMPLES, Finding, check
from benchmarks.faults.downloads import downloading
from benchmarks.faults.journal import Kind, Outcome, Published, Seen
from benchmarks.faults.judge import Evidence, Verdict, Witnesses, judge
from benchmarks.faults.publish import Load
from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from benchmarks.faults.topology import Topology

FRONT_ENDS = 2
WORKERS = 2
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
    verdict: Verdict | None = None  # on downloads and commands; None where there are none
    unanswered: Counter[str] = field(default_factory=Counter)  # calls for downloads that were not possible at first
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
        verdict = self.verdict or Verdict()
        return not (self.wrong or verdict.downloads or verdict.commands) and not any(f.wrong for f in self.findings)

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
        verdict = self.verdict or Verdict()
        return [*self.wrong, *told, *verdict.commands[:MAX_EXAMPLES], *verdict.downloads[:MAX_EXAMPLES]]


async def play(
    row: Row, load: Load, folder: Path, topology: Topology = "single", occurrences: int = 1, naive: bool = False
) -> Result:
    """Plays it, in an empty `folder`."""
    why = row.why_not(topology) or ("" if row.for_control or not naive else "the control has nothing to do with it")
    if why:
        return Result(row, load, topology, skipped=why)
    stage = Stage(folder, topology, naive=naive)
    evidence = None
    async with row.setting(stage):
        try:
            evidence = await _under_load(stage, row, load, occurrences)
        except AssertionError as error:  # a process that did not start or end in time
            stage.wrong.append(str(error))
        finally:
            await asyncio.to_thread(stage.close)
    if not (folder / "published.jsonl").exists() or not (naive or evidence):
        return Result(row, load, topology, wrong=stage.wrong)
    return await asyncio.to_thread(judged, row, load, stage, evidence)


async def _under_load(stage: Stage, row: Row, load: Load, occurrences: int) -> Evidence | None:
    await asyncio.to_thread(stage.start_servers)
    await stage.start_front_ends(FRONT_ENDS)
    for _ in range(0 if stage.naive else WORKERS):
        stage.start_worker()
    clients = await stage.start_clients()
    publisher = stage.start_publisher(load)
    await stage.publishing()
    async with AsyncExitStack() as stack:
        if not stage.naive:
            stage.downloads = await stack.enter_async_context(downloading(stage.addresses))
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
        if stage.downloads is not None:
            await stage.downloads.settle(stage.download_folder, stage.start_worker)
        await enough
        await stage.end(publisher, clients, NAIVE_END_SEEN_S if stage.naive else END_SEEN_S)
        return None if stage.downloads is None else await stage.downloads.evidence(stage.download_folder)


def judged(row: Row, load: Load, stage: Stage, evidence: Evidence | None = None) -> Result:
    """What the journals of a stage say, whose processes have ended."""
    with (stage.folder / "published.jsonl").open() as lines:
        published = [Published(*json.loads(line)) for line in lines]
    journals = sorted((stage.folder / "journals").glob("*.jsonl"))
    witnesses = Witnesses(path.stem for path in journals)
    for path in journals:
        for seen in _seen(path):
            witnesses.add(path.stem, seen)
    outcomes = Counter(each.outcome for each in published)
    if (untold := outcomes["refused"] + outcomes["unknown"]) and not row.refuses and not stage.naive:
        stage.wrong.append(f"{untold} calls of the publisher failed")
    ends = sum(each.is_end for each in published)
    published = sorted([*published, *witnesses.events()], key=lambda each: each.called_at)
    verdict = judge(evidence, witnesses) if evidence else None
    return Result(
        row,
        load,
        stage.topology,
        findings=check(published, ((path.stem, not path.stem.startswith("bare"), _seen(path)) for path in journals)),
        outcomes=outcomes,
        ends=ends,
        verdict=verdict,
        unanswered=stage.downloads.unanswered if stage.downloads else Counter(),
        notes=stage.notes,
        wrong=[*stage.wrong, *(verdict.unplayed if verdict else ())],
    )


def _seen(path: Path) -> Iterator[Seen]:
    with path.open() as lines:
        for line in lines:
            yield Seen(*json.loads(line))
