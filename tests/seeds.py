"""Seeds of random tests: some for `make test-long`, the others for a night."""

from collections.abc import Iterable, Sequence

import pytest

IN_TEST_LONG = 9


def with_overnight(seeds: Iterable[int]) -> Sequence[object]:
    """Return all of them, and mark those behind the first few."""
    return [
        seed if place < IN_TEST_LONG else pytest.param(seed, marks=pytest.mark.overnight)
        for place, seed in enumerate(seeds)
    ]
