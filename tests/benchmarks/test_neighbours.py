"""Ordinary clients beside everything that one hostile address may do, in small. It asserts no time."""

import pytest

from benchmarks.neighbours.soak import Load, run

pytestmark = pytest.mark.long


def test_hostile_neighbours_cost_ordinary_clients_no_event_and_the_front_end_no_readiness() -> None:
    load = Load(clients=200, rate=100, connections=250, cycles=1, with_rounds=1, round_s=15)
    soak = run(load, seed=1)
    assert soak.complaints(timing=False) == []
    assert len(soak.rounds) == 2
    assert {"read nothing", "dripped", "read", "left", "crowds of another epoch"} <= soak.counts.keys()
    assert soak.polls > 10
