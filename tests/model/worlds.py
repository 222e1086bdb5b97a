"""The states that one download may be in, by the answers to its commands: each order that explains them is a world.

A command takes effect at one moment between its sending and its answer, or at any later one if no answer came. Workers
end downloads at any moment.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

# `pausing`, `cancelling`: it runs, and its worker is asked for that. `overtaken`: it ended before its worker could.
# `aside`: too many workers were lost. `left`: the record is gone, and the finished file stays.
Phase = Literal[
    "absent",
    "active",
    "pausing",
    "cancelling",
    "paused",
    "cancelled",
    "complete",
    "error",
    "aside",
    "overtaken",
    "gone",
    "left",
]
Answer = Literal["accepted", "invalid_transition", "unknown_download"]
End = Literal["complete", "error"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
NO_RECORD: tuple[Phase, ...] = ("absent", "gone", "left")
ENDED: tuple[Phase, ...] = ("complete", "error", "aside", "cancelled", "overtaken")

_BY_ITSELF: dict[Phase, tuple[Phase, ...]] = {
    "pausing": ("paused", "overtaken"),
    "cancelling": ("cancelled", "overtaken"),
}
_ACCEPTED: dict[str, dict[Phase, tuple[Phase, ...]]] = {
    "add": {"absent": ("active",)},
    "pause": {"active": ("paused", "pausing"), "cancelling": ("pausing",)},
    "resume": {"paused": ("active",), "pausing": ("active",), "cancelling": ("active",)},
    "cancel": {"active": ("cancelled", "cancelling"), "pausing": ("cancelling",), "paused": ("cancelled",)},
    "retry": {"active": ("active",), "error": ("active",), "aside": ("active",), "cancelled": ("active",)},
    "delete": {
        "active": ("gone",),
        "paused": ("gone",),
        "cancelled": ("gone",),
        "complete": ("left",),
        "error": ("gone",),
        "aside": ("gone",),
    },
    "clear": {"complete": ("left",), "error": ("gone",), "aside": ("gone",), "cancelled": ("gone",)},
    "limit": {each: (each,) for each in ("active", "pausing", "cancelling", "paused", "cancelled", "error", "aside")},
}
_EITHER = {("active", "retry"), ("active", "delete")}  # by whether it is queued


@dataclass(eq=False, slots=True)
class Call:
    """One command. `is_loose`: a failover may have hidden what was acknowledged before; a later command prevails.

    `is_late`: a master that lived on after its failover may have accepted it when the download had ended elsewhere.
    """

    action: str
    with_file: bool = False
    limit: int | None = None
    is_loose: bool = False
    is_late: bool = False
    is_abandoned: bool = False  # no answer came: it may still take effect
    is_repeated: bool = False  # sent again without an answer to the first one


@dataclass(frozen=True, slots=True)
class World:
    """`answers`: of the calls that took effect in it and were not answered yet."""

    phase: Phase
    limit: int | None = None
    answers: frozenset[tuple[Call, Answer]] = frozenset()


class Contradiction(AssertionError):
    """No order of the calls explains an answer, or what was observed."""


@dataclass(slots=True)
class Worlds:
    """All worlds of one download. `end`: how it ends by itself. `may_be_set_aside`: enough workers were lost."""

    end: End
    may_be_set_aside: bool = False
    possible: set[World] = field(default_factory=lambda: {World("absent")})
    pending: list[Call] = field(default_factory=list)

    def send(self, call: Call) -> None:
        """Note that a call is on its way."""
        self.pending.append(call)

    def abandon(self, call: Call) -> None:
        """Note that no answer to the call will come."""
        call.is_abandoned = True
        self.possible = {_without(world, call) for world in self._closure()}

    def answer(self, call: Call, answer: Answer) -> None:
        """Keep the worlds that explain the answer. Raises Contradiction if there are none."""
        worlds = self._closure()
        self.pending.remove(call)
        self.possible = {_without(world, call) for world in worlds if (call, answer) in world.answers}
        if not self.possible:
            phases = sorted({world.phase for world in worlds})
            raise Contradiction(f"{call.action} was answered {answer}; the download may be {', '.join(phases)}")

    def difference(self, phases: Collection[Phase], limit: int | None = None) -> str:
        """Return how these phases differ from all worlds, "" if there is one of them."""
        worlds = self._closure()
        if any(_looks(world, phases, limit) for world in worlds):
            return ""
        known = sorted({f"{world.phase} with limit {world.limit}" for world in worlds})
        return f"it is {' or '.join(sorted(phases))} with limit {limit}, and may be {'; '.join(known)}"

    def observe(self, phases: Collection[Phase], limit: int | None = None) -> None:
        """Keep the worlds of these phases, while no call is on its way."""
        worlds = self._closure()
        self.pending.clear()
        self.possible = {World(world.phase, world.limit) for world in worlds if _looks(world, phases, limit)}

    def _closure(self) -> set[World]:
        worlds, queue = set(self.possible), list(self.possible)
        while queue:
            for world in self._next(queue.pop()):
                if world not in worlds:
                    worlds.add(world)
                    queue.append(world)
        return worlds

    def _next(self, world: World) -> Iterator[World]:
        for phase in self._by_itself(world.phase):
            yield replace(world, phase=phase)
        applied = {call for call, _ in world.answers}
        for call in self.pending:
            if call not in applied:
                for answer in ANSWERS:
                    for phase in self._outcomes(world.phase, call, answer):
                        answers = world.answers if call.is_abandoned else world.answers | {(call, answer)}
                        for limit in self._limits(world, call, answer):
                            yield World(phase, limit, answers)

    def _limits(self, world: World, call: Call, answer: Answer) -> set[int | None]:
        if call.action != "limit" or answer != "accepted":
            return {world.limit}
        return {call.limit, world.limit} if call.is_late else {call.limit}

    def _by_itself(self, phase: Phase) -> tuple[Phase, ...]:
        if phase == "active":
            return (self.end, "aside") if self.may_be_set_aside else (self.end,)
        return _BY_ITSELF.get(phase, ())

    def _outcomes(self, phase: Phase, call: Call, answer: Answer) -> set[Phase]:
        known: Phase = self.end if phase == "overtaken" else phase
        exists = known not in NO_RECORD
        targets = set(_ACCEPTED[call.action].get(known, ()))
        if call.with_file and "left" in targets:
            targets = {"gone"}
        if call.action == "clear":
            if answer != "accepted":
                return set()
            return {phase, "gone", "left"} if call.is_loose and exists else targets or {phase}
        if call.action == "limit" and targets:
            targets = {phase}
        if answer == "accepted":
            if call.is_loose and call.action != "add":
                return self._anything_accepted(phase, call)
            return targets | {phase} if call.is_repeated else targets
        if call.is_loose or call.is_repeated:
            return {phase}
        if answer == "unknown_download":
            return set() if exists else {phase}
        is_rejected = exists and (not targets or (known, call.action) in _EITHER)
        return {phase} if is_rejected else set()

    def _anything_accepted(self, phase: Phase, call: Call) -> set[Phase]:
        """Return where an accepted call may lead if the server that accepted it knew any earlier state."""
        targets = {target for several in _ACCEPTED[call.action].values() for target in several}
        if call.action == "limit":
            targets = {phase}
        if call.is_late and call.action in ("pause", "cancel"):
            targets.add(self.end)
        if phase in NO_RECORD:
            targets = {phase}
        if call.with_file:
            targets -= {"left"}
        return targets | {phase} if call.is_repeated else targets


def _looks(world: World, phases: Collection[Phase], limit: int | None) -> bool:
    return world.phase in phases and (world.phase in NO_RECORD or world.limit == limit)


def _without(world: World, call: Call) -> World:
    return replace(world, answers=frozenset(pair for pair in world.answers if pair[0] is not call))
