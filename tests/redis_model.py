"""Redis as plain lists, and the real broker on top of it. It may trim, fail over, be flushed, and not answer."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeVar

from simulcast.broker import Broker, Head, Snapshot
from simulcast.errors import BrokerUnavailable
from simulcast.model.position import Position
from simulcast.model.publication import Publication, is_gapless
from tests.clocks import Clock

STATES = ("queued", "started", "resumed", "paused")
ENDS = ("complete", "error", "cancelled")
ENDED_FOR_S = 600.0
NOWHERE = Position(0, 0)
T = TypeVar("T")


@dataclass
class RedisModel:
    """A server with one channel. `numbers` makes every payload unique, so that a repetition shows."""

    clock: Clock
    epoch: int = 1000
    offset: int = 0
    before: Position | None = None
    ends: list[Position] = field(default_factory=list)  # of epochs, as far as was known when the next ones began
    line: list[Publication] = field(default_factory=list)  # all that was acknowledged and wasn't lost
    lost: list[Publication] = field(default_factory=list)
    history: list[Publication] = field(default_factory=list)  # what isn't trimmed of it
    told_at: dict[Position, float] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    live: deque[bytes] = field(default_factory=deque)
    numbers: "count[int]" = field(default_factory=count)
    newest_epoch: int = 1000
    flushes: int = 0
    flushes_before: dict[Position, int] = field(default_factory=dict)
    asked: Position = NOWHERE  # after which the history was asked for last

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.offset)

    @property
    def head(self) -> Head:
        """As lua/incarnation.lua: a lost history opens an epoch."""
        if self.offset and not self.history:
            self._open_epoch(self.position)
        return Head(self.position, f"{self.epoch:012x}", self.before)

    def publish(self, kind: str, key: str, size: int) -> None:
        tag = self.head.tag
        label, key = kind, "" if kind == "-" else key
        if kind in "se":
            self.changes[key] += 1  # kept in the job's record: what a failover loses is told again under its label
            names = STATES if kind == "s" else ENDS
            label = f"{kind}:download_{names[self.changes[key] % len(names)]}:1:{self.changes[key]}"
        self.offset += 1
        publication = Publication(self.position, label, key, b'{"n":%d,"f":"%b"}' % (next(self.numbers), b"x" * size))
        self.line.append(publication)
        self.history.append(publication)
        self.told_at[self.position] = self.clock.now
        self.flushes_before[self.position] = self.flushes
        body = f"{tag} {self.position} {label} {key}\n".encode()
        self.live.append(body + publication.payload)

    def trim(self, kept: int) -> None:
        del self.history[: -kept or None]

    def fail_over(self, lost: int) -> None:
        """Let a replica take over that lacks the last `lost` publications."""
        before: Position | None = self.position
        for _ in range(min(lost, len(self.line))):
            self.lost.append(self.line.pop())
            before = self.line[-1].position if self.line else None
        self.history = [each for each in self.history if each in self.line]
        self.changes = Counter(each.key for each in self.line if each.label[0] in "se")
        self.flushes += before is None  # nothing was left
        self._open_epoch(before)
        self.live.clear()  # the subscriptions broke

    def flush_all(self) -> None:
        self.lost += self.line
        self.line, self.history = [], []
        self.changes.clear()
        self.flushes += 1
        self._open_epoch(None)

    def _open_epoch(self, before: Position | None) -> None:
        if before is not None:
            self.ends.append(before)
        self.newest_epoch += 10
        self.epoch, self.offset, self.before = self.newest_epoch, 0, before

    def goes_on(self, until: Position) -> list[Publication]:
        """Return newest state and progress of each active download, and the ends of the last 10 minutes."""
        found: list[Publication] = []
        later: set[tuple[str, str]] = set()
        for each in reversed([each for each in self.line if _order(each.position) <= _order(until)]):
            kind, key = each.label[0], each.key
            ended = kind != "e" and ("e", key) in later
            old = kind == "e" and self.clock.now - self.told_at[each.position] > ENDED_FOR_S
            if kind != "-" and (kind, key) not in later and not ended and not old:
                found.append(each)
            later.add((kind, key))
        return found[::-1]


def _order(position: Position) -> tuple[int, int]:
    return position.epoch, position.offset


class FakeBroker(Broker):
    """The real one over a `RedisModel`. Something of `meanwhile` happens before each answer, and something after it."""

    def __init__(self, server: RedisModel) -> None:
        self.server = server
        self.meanwhile: deque[Callable[[], None]] = deque()
        self.turns = 0  # of the loop, that a question takes, and an answer

    async def heads(self, channels: Mapping[str, Position | None]) -> list[Head | BrokerUnavailable]:
        return await self._ask(lambda: [self._head(after) for after in channels.values()])

    def _head(self, after: Position | None) -> Head:
        head = self.server.head
        following = [each for each in self.server.history if after and _order(after) < _order(each.position)][:3]
        return replace(head, following=following if after and is_gapless(after, following) else [])

    async def snapshot(self, channel: str = "") -> Snapshot:
        return await self._ask(self._snapshot)

    def _snapshot(self) -> Snapshot:
        head, now = self.server.head, self.server.clock.now
        found = self.server.goes_on(head.position)
        ages = {each.key: now - self.server.told_at[each.position] for each in found if each.label[0] == "e"}
        return Snapshot(head, found, ages, {})

    async def _range(self, channel: str, first: str, last: str, limit: int) -> list[Publication]:
        low, high = _order(Position.parse(first)), _order(Position.parse(last))
        self.server.asked = Position(low[0], low[1] - 1)
        return await self._ask(
            lambda: [each for each in self.server.history if low <= _order(each.position) <= high][:limit]
        )

    async def _ask(self, question: Callable[[], T]) -> T:
        await self._on_the_way()
        answer = question()
        await self._on_the_way()
        return answer

    async def _on_the_way(self) -> None:
        if self.meanwhile:
            self.meanwhile.popleft()()
        for _ in range(self.turns):
            await asyncio.sleep(0)

    def fail(self) -> None:
        raise BrokerUnavailable("it does not answer")
