"""One bound for the memory of very many channels."""

from simulcast.frontend.fanout.memory import MemoryPool


class Held:
    """Holds bytes, and counts how often somebody asks how many."""

    looks = 0

    def __init__(self, pool: MemoryPool) -> None:
        self.size = 0
        self.pool = pool
        pool.add(self)

    @property
    def held_bytes(self) -> int:
        Held.looks += 1
        return self.size

    def add(self, size: int) -> None:
        self.size += size
        self.pool.used_bytes += size
        self.pool.shrink()

    def trim(self, max_bytes: int) -> None:
        self.pool.used_bytes -= self.size - max_bytes
        self.size = max_bytes


def test_of_thousands_of_channels_few_are_looked_at_for_each_event() -> None:
    pool = MemoryPool(1_000_000)
    members = [Held(pool) for _ in range(1000)]
    for number in range(10_000):
        members[number % 1000].add(700)
        assert pool.used_bytes <= pool.max_bytes
    assert Held.looks < 40 * 10_000
    assert sum(member.size for member in members) == pool.used_bytes > pool.max_bytes * 0.9


def test_a_pool_of_one_member_is_bounded_too() -> None:
    pool = MemoryPool(1000)
    member = Held(pool)
    member.add(900)
    member.add(200)
    assert member.size == pool.used_bytes == 550
