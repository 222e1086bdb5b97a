"""Changes of state that were published here, by which a feed knows those that come again after a failover."""

from collections import OrderedDict
from collections.abc import Container, Iterator

from simulcast.frontend.fanout.identity import Identity
from simulcast.frontend.fanout.memory import ENTRY_OVERHEAD_BYTES, MemoryPool
from simulcast.model.position import Position

MAX_SEEN = 50_000


class SeenChanges:
    """The last MAX_SEEN changes of one channel, in the order in which they were published last."""

    def __init__(self, pool: MemoryPool) -> None:
        """`pool`: bounds those of all channels in sum."""
        self._pool = pool
        self._positions: OrderedDict[Identity, Position] = OrderedDict()
        self.held_bytes = 0
        pool.add(self)

    def record(self, identity: Identity, position: Position) -> bool:
        """Note that it was published at that position. Return whether it is new."""
        is_new = identity not in self._positions
        self._positions[identity] = position
        if is_new:
            self._count(_size(identity))
            if len(self._positions) > MAX_SEEN:
                self._drop_oldest()
            self._pool.shrink()
        else:
            self._positions.move_to_end(identity)
        return is_new

    def drop(self, identity: Identity) -> None:
        """Forget a change. Harmless for one that isn't here."""
        if self._positions.pop(identity, None) is not None:
            self._count(-_size(identity))

    def keep(self, keys: Container[str]) -> None:
        """Forget the changes of other keys."""
        for identity in [identity for identity in self._positions if identity[0] not in keys]:
            self.drop(identity)

    def after(self, position: Position) -> Iterator[Identity]:
        """Yield those that were published later than that."""
        for identity, last in self._positions.items():
            if (last.epoch, last.offset) > (position.epoch, position.offset):
                yield identity

    def trim(self, max_bytes: int) -> None:
        """Forget the oldest ones until `max_bytes` are held."""
        while self.held_bytes > max_bytes:
            self._drop_oldest()

    def clear(self) -> None:
        """Forget all."""
        self._positions.clear()
        self._count(-self.held_bytes)

    def _drop_oldest(self) -> None:
        self._count(-_size(self._positions.popitem(last=False)[0]))

    def _count(self, size: int) -> None:
        self.held_bytes += size
        self._pool.used_bytes += size


def _size(identity: Identity) -> int:
    return ENTRY_OVERHEAD_BYTES + len(identity[0]) + len(identity[1])
