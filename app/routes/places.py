"""Places for requests that cost memory: few in all, and fewer for one address."""

from collections import Counter


class Places:
    """At most `maximum` places, and `per_address` for one address."""

    def __init__(self, maximum: int, per_address: int) -> None:
        self._maximum = maximum
        self._per_address = per_address
        self._taken: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Take a place, unless there is none. `address`: as of `address_key`; "" has no bound of its own."""
        if self._taken.total() >= self._maximum or (address and self._taken[address] >= self._per_address):
            return False
        self._taken[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Give a place back."""
        self._taken[address] -= 1
        self._taken = +self._taken  # without addresses that have none
