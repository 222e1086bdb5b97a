"""One run: rounds of commands and faults, and after each of them the comparison at rest."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.model import check
from tests.model.calls import caller
from tests.model.faults import Faults
from tests.model.followers import BareFollower, Follower, PositionFollower, follow
from tests.model.model import Model
from tests.model.stage import Stage, Topology, staged
from tests.model.steps import Steps

ROUND_S = 12.0
CLIENTS = 4
MAX_TRACE = 40


@dataclass
class Outcome:
    """`violations`: what differed, in words; empty is good. `trace`: the steps that led there."""

    topology: Topology
    seed: int
    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    downloads: int = 0
    calls: int = 0
    unanswered: int = 0
    took_s: float = 0.0

    def text(self) -> str:
        """Return the report of one run."""
        head = (
            f"{self.topology}, seed {self.seed}: {len(self.violations)} violations; {self.rounds} rounds, "
            f"{self.downloads} downloads, {self.calls} commands ({self.unanswered} without an answer), "
            f"{self.faults.total()} faults, {self.took_s:.0f} s"
        )
        return "\n".join([head, *self.violations, *self.trace])


async def run(topology: Topology, seed: int, seconds: float, folder: Path, round_s: float = ROUND_S) -> Outcome:
    """Play for about so long, then delete everything, and compare a last time."""
    outcome, began_s = Outcome(topology, seed), time.monotonic()
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(staged(folder, topology))
        model = Model()
        followers: list[PositionFollower | BareFollower] = [
            PositionFollower("a client that keeps its position"),
            BareFollower("a client that comes back without a position"),
        ]
        for follower, front_end in zip(followers, stage.front_ends, strict=True):
            stack.callback(asyncio.create_task(follow(follower, front_end)).cancel)
        played_s = time.monotonic()
        while not outcome.violations and (outcome.rounds == 0 or time.monotonic() - played_s < seconds):
            outcome.rounds += 1
            await _round(stage, model, followers, f"{seed} {outcome.rounds}", round_s, outcome)
        if not outcome.violations:
            await _delete_all(stage, model, followers, outcome)
        outcome.violations += _tracebacks(folder)
        outcome.calls, outcome.unanswered = model.calls, model.unanswered
        outcome.downloads, outcome.faults = next(model.numbers), model.fault_counts()
        if outcome.violations:
            outcome.trace = _trace(model, followers, outcome.violations)
    outcome.took_s = time.monotonic() - began_s
    return outcome


async def _round(
    stage: Stage, model: Model, followers: Sequence[Follower], seed: str, round_s: float, outcome: Outcome
) -> None:
    stopping = asyncio.Event()
    stage.hold_runners(False)
    faults, steps = Faults(stage, model, stopping), Steps(stage, model, stopping)
    callers = [caller(stage.front_ends) for _ in range(CLIENTS)]
    try:
        async with asyncio.TaskGroup() as group:
            for number, client in enumerate(callers):
                group.create_task(steps.run(random.Random(f"{seed} {number}"), client))
            group.create_task(faults.break_workers(random.Random(f"{seed} workers")))
            group.create_task(faults.break_runners(random.Random(f"{seed} runners")))
            group.create_task(faults.break_others(random.Random(f"{seed} others")))
            await asyncio.sleep(round_s)
            stopping.set()
    except* AssertionError as errors:
        outcome.violations += [str(error) for error in errors.exceptions]
    for client in callers:
        await client.aclose()
    await stage.heal()
    model.cleared_at = min(model.cleared_at, time.time())
    stage.hold_runners(True)
    if not outcome.violations:
        outcome.violations = await check.compare_at_rest(stage, model, followers)


async def _delete_all(stage: Stage, model: Model, followers: Sequence[Follower], outcome: Outcome) -> None:
    """Delete every record with its file, but for one that is cleared; then nothing may be left."""
    client, steps = caller(stage.front_ends), Steps(stage, model, asyncio.Event())
    try:
        for download in model.downloads[1:]:
            await steps.delete(download, client)
        await steps.clear(0, True, client)
        for download in model.downloads[:1]:
            await steps.delete(download, client)
    except AssertionError as error:
        outcome.violations.append(str(error))
    finally:
        await client.aclose()
    outcome.violations = outcome.violations or await check.compare_at_rest(stage, model, followers)
    if not outcome.violations and (names := [path.name for path in stage.downloads.iterdir()]):
        outcome.violations = [f"nothing is recorded, and the folder has {names}"]


def _tracebacks(folder: Path) -> list[str]:
    logs = {path.name: path.read_text(errors="replace") for path in folder.glob("*.log")}
    return [
        f"{name} has a traceback: {text[text.index('Traceback') :][:3000]}"
        for name, text in logs.items()
        if "Traceback" in text
    ]


def _trace(model: Model, followers: Sequence[Follower], violations: Sequence[str]) -> list[str]:
    """Return the last faults, and all steps of the downloads that the violations name."""
    lines = ["faults:", *model.faults[-MAX_TRACE:]]
    for download in model.downloads:
        if download.download_id and any(download.download_id in text for text in violations):
            lines += [f"steps of {download.download_id}:", *download.trace[-MAX_TRACE:]]
            for follower in followers:
                events = follower.history.get(download.download_id, [])
                lines += [f"{follower.name} was sent:", *events[-MAX_TRACE:]]
    return lines
