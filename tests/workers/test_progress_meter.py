"""Progress never runs ahead of the bytes, and never tells more than four times a second."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.progress_meter import INTERVAL_S, WINDOW_S, ProgressMeter, Sample


def test_the_first_sample_comes_at_once() -> None:
    assert ProgressMeter().update(5.0, 0, 100) == Sample(0.0, 0, 0, 100)
    assert ProgressMeter().update(5.0, 25, 100) == Sample(0.25, 0, 25, 100)


def test_the_next_one_comes_after_the_interval() -> None:
    meter = ProgressMeter(interval_s=0.5)
    assert meter.update(0.0, 0, 100) is not None
    assert meter.update(0.4, 10, 100) is None
    assert meter.update(0.5, 20, 100) == Sample(0.2, 40, 20, 100)
    assert meter.update(0.9, 30, 100) is None


def test_an_unknown_size_is_no_progress_and_still_a_speed() -> None:
    meter = ProgressMeter()
    meter.update(0.0, 0, None)
    assert meter.update(2.0, 1000, None) == Sample(0.0, 500, 1000, None)
    assert meter.final(4.0, 2000) == Sample(1.0, 500, 2000, 2000)


def test_what_was_resumed_is_no_speed() -> None:
    meter = ProgressMeter()
    assert meter.update(0.0, 5_000, 10_000) == Sample(0.5, 0, 5_000, 10_000)
    assert meter.update(1.0, 5_100, 10_000) == Sample(0.51, 100, 5_100, 10_000)


def test_the_speed_is_that_of_the_window() -> None:
    meter = ProgressMeter(interval_s=1.0, window_s=3.0)
    for second in range(10):
        meter.update(float(second), second * 1_000, 10**6)
    for second in range(10, 14):
        sample = meter.update(float(second), 9_000 + (second - 9) * 10_000, 10**6)
    assert sample is not None and sample.speed == 10_000


def test_a_stall_shows_as_a_falling_speed_and_ends_at_none() -> None:
    meter = ProgressMeter(interval_s=0.5, window_s=5.0)
    meter.update(0.0, 0, 1_000)
    meter.update(1.0, 500, 1_000)
    speeds = []
    for step in range(12):
        sample = meter.update(1.5 + 0.5 * step, 500, 1_000)
        assert sample is not None
        speeds.append(sample.speed)
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] == 333 and speeds[-1] == 0


def test_a_long_silence_without_updates_counts_as_slow() -> None:
    meter = ProgressMeter(window_s=5.0)
    meter.update(0.0, 0, 10_000)
    meter.update(1.0, 1_000, 10_000)
    sample = meter.update(101.0, 2_000, 10_000)
    assert sample is not None and sample.speed == 10


def test_the_last_byte_is_told_by_final_only() -> None:
    meter = ProgressMeter()
    meter.update(0.0, 0, 100)
    assert meter.update(10.0, 100, 100) is None
    assert meter.final(10.0, 100) == Sample(1.0, 10, 100, 100)


def test_an_empty_file_is_told_once() -> None:
    meter = ProgressMeter()
    assert meter.update(0.0, 0, 0) is None
    assert meter.final(0.0, 0) == Sample(1.0, 0, 0, 0)


def test_a_download_that_starts_over_has_no_negative_speed() -> None:
    meter = ProgressMeter(interval_s=1.0)
    meter.update(0.0, 5_000, 10_000)
    assert meter.update(0.5, 0, 8_000) is None
    assert meter.update(1.5, 800, 8_000) == Sample(0.1, 800, 800, 8_000)


@pytest.mark.parametrize("total", [3, 10**9, 2**53 + 1, 2**60])
def test_one_byte_less_than_all_is_less_than_one(total: int) -> None:
    sample = ProgressMeter().update(0.0, total - 1, total)
    assert sample is not None and sample.progress < 1.0
    assert json.dumps(sample.progress) != "1.0"


STEPS = st.lists(st.tuples(st.floats(0.0, 2.0), st.integers(0, 10**7)), min_size=1, max_size=200)


@given(STEPS, st.one_of(st.none(), st.integers(1, 10**9)))
def test_any_second_holds_at_most_four_samples_and_progress_only_rises(
    steps: list[tuple[float, int]], total: int | None
) -> None:
    meter, now, received = ProgressMeter(), 0.0, 0
    told: list[tuple[float, Sample]] = []
    for wait, arrived in steps:
        now += wait
        received = received + arrived if total is None else min(total, received + arrived)
        sample = meter.update(now, received, total)
        if sample is not None:
            told.append((now, sample))
    told.append((now, meter.final(now, received)))
    for index, (when, _) in enumerate(told):
        assert sum(when <= later < when + 1.0 for later, _ in told[index:]) <= 4
    progress = [sample.progress for _, sample in told]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0 and all(value < 1.0 for value in progress[:-1])
    for _, sample in told:
        assert isinstance(sample.progress, float) and type(sample.speed) is int and sample.speed >= 0


@given(st.integers(1, 10**9), st.integers(40, 400))
def test_an_even_flow_is_told_as_it_is(bytes_per_s: int, steps: int) -> None:
    meter = ProgressMeter()
    for step in range(steps):
        now = step * 0.1
        sample = meter.update(now, round(now * bytes_per_s), None)
        if sample is not None and now >= 2 * INTERVAL_S:
            assert sample.speed == pytest.approx(bytes_per_s, rel=0.01, abs=2)


def test_a_steady_flow_is_told_three_times_a_second_and_its_end_is_the_fourth() -> None:
    meter = ProgressMeter()
    told = [step / 100 for step in range(300) if meter.update(step / 100, step, 300) is not None]
    told.append(2.99)
    assert meter.final(2.99, 300).progress == 1.0
    assert 8 <= len(told) <= 10
    for start in told:
        assert sum(start <= when < start + 1.0 for when in told) <= 4


def test_what_comes_at_once_is_no_absurd_speed() -> None:
    meter = ProgressMeter()
    meter.update(0.0, 0, 100)
    assert meter.final(1e-9, 100).speed <= 10_000


def test_the_memory_is_bounded_by_the_window() -> None:
    meter = ProgressMeter()
    for step in range(10_000):
        meter.update(step * 0.1, step, None)
    assert len(meter._points) <= WINDOW_S / INTERVAL_S + 3
