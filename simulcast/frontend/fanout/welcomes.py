"""The snapshot's bytes for those who join: a crowd of slow clients must not hold a copy each."""

from collections.abc import Callable
from dataclasses import dataclass

from simulcast.frontend.fanout.hub import Hub
from simulcast.frontend.fanout.log import Entry
from simulcast.frontend.fanout.view import View

SNAPSHOT_CACHE_TTL_S = 1.0


@dataclass(frozen=True, slots=True)
class _Welcome:
    """What clients of one view were given when they joined. `made_at`: seconds, monotonic."""

    hub: Hub
    made_at: float
    frames: bytes
    cursor: int


class SnapshotCache:
    """Shared by those of one view who join within WELCOME_S.

    Cleared by whatever a snapshot doesn't show as it was: who joins after an event without a key must not be given it.
    """

    def __init__(self) -> None:
        self._kept: dict[View, _Welcome] = {}

    def clear(self) -> None:
        """What was given so far is given to nobody else."""
        self._kept.clear()

    def get(self, view: View, hub: Hub, entries: Callable[[], list[Entry]], now: float) -> tuple[bytes, int]:
        """The bytes of `entries()` as that view shows them, and the cursor of its hub behind which the flow goes on."""
        kept = self._kept.get(view)
        if (
            kept is None
            or kept.hub is not hub
            or now - kept.made_at > SNAPSHOT_CACHE_TTL_S
            or not hub.log.covers(kept.cursor)
        ):
            kept = _Welcome(hub, now, view.join(entries()), hub.log.head)
            self._kept = {each: old for each, old in self._kept.items() if now - old.made_at <= SNAPSHOT_CACHE_TTL_S}
            self._kept[view] = kept
        return kept.frames, kept.cursor
