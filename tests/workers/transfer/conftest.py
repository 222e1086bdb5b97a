"""Short segments, for tests of several connections."""

import pytest

from workers.transfer import segmented, segments


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits and sizes of a segmented download."""
    monkeypatch.setattr("workers.transfer.fetch.MIN_SPLIT_BYTES", 100_000)
    monkeypatch.setattr(segments, "MIN_SEGMENT_BYTES", 50_000)
    monkeypatch.setattr(segments, "MIN_IDLE_REMAINING_S", 0.005)
    monkeypatch.setattr("workers.http.exchange.GATHER_S", 0.01)
    monkeypatch.setattr(segmented, "INITIAL_DELAY_S", 0.02)
    monkeypatch.setattr(segmented, "POLL_INTERVAL_S", 0.01)
    monkeypatch.setattr(segmented, "CHECKPOINT_INTERVAL_S", 0.02)
    monkeypatch.setattr(segments, "MIN_REMAINING_S", 0.01)
