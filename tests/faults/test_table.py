"""Which rows are played where, and when a row that lost nothing is wrong all the same."""

from collections import Counter

from benchmarks.faults import table
from benchmarks.faults.check import Finding
from benchmarks.faults.failover import SENTINEL_ROWS
from benchmarks.faults.judge import Verdict
from benchmarks.faults.publish import Load
from benchmarks.faults.redis_server import ROWS as REDIS_ROWS
from benchmarks.faults.rows import ROWS
from benchmarks.faults.topology import TOPOLOGIES, Topology
from benchmarks.faults.trial import MAX_SILENCE_S, Result
from tests.faults.trials import ALONE, CLUSTER, PREPARED, SENTINEL, SINGLE


def silent(topology: Topology, seconds: float) -> Result:
    return Result(REDIS_ROWS[0], Load(), topology, findings=[Finding("kept-0", longest_silence_s=seconds)])


def test_a_row_is_played_on_each_topology_or_says_why_not() -> None:
    played = {row.name: [topology for topology in TOPOLOGIES if topology not in row.not_on] for row in ROWS}
    assert all(played.values())
    assert played["worker-kill"] == list(TOPOLOGIES)
    assert played["sentinel-cut"] == ["sentinel"]
    assert all(why for row in ROWS for why in row.not_on.values())


def test_the_tests_play_each_row() -> None:
    trials = [*SINGLE, *PREPARED, *SENTINEL, *CLUSTER, *ALONE]
    assert Counter(row.name for trial in trials for row in trial) == Counter(row.name for row in ROWS)
    assert not any(
        row.refuses or row.setting != REDIS_ROWS[0].setting for trial in trials if trial[1:] for row in trial
    )


def test_a_row_that_is_not_run_is_listed_with_the_reason() -> None:
    row = SENTINEL_ROWS[0]
    listed = table.page([Result(row, Load(), "single", skipped=row.why_not("single"))], [], naive=False)
    assert "| not run |" in listed and row.not_on["single"] in listed


def test_where_another_server_takes_over_a_longer_silence_than_is_promised_is_wrong_though_nothing_is_lost() -> None:
    late = silent("sentinel", MAX_SILENCE_S + 0.1)
    assert late.is_good and late.too_silent
    assert late.too_silent in table.line(late)
    assert not silent("sentinel", MAX_SILENCE_S).too_silent
    assert not silent("single", MAX_SILENCE_S + 0.1).too_silent


def test_what_is_wrong_with_downloads_and_commands_is_in_the_line_and_fails_the_row() -> None:
    verdict = Verdict(7, 5, Counter({"rest": 2, "websocket": 1}), ["a is missing"], ["b is running"])
    result = Result(REDIS_ROWS[0], Load(), verdict=verdict, unanswered=Counter({"submit": 4}))
    assert "| 1 / 7 / 5 | 1 / 3 / 4 |" in table.line(result)
    assert "**wrong**" in table.line(result)
    assert not result.is_good
    assert {"a is missing", "b is running"} <= set(result.complaints())


def test_each_line_has_as_many_cells_as_the_heading() -> None:
    skipped = Result(REDIS_ROWS[0], Load(), skipped="it makes no sense")
    for result in (skipped, silent("single", 1), Result(REDIS_ROWS[0], Load(), verdict=Verdict())):
        assert {line.count("|") for line in (table.HEADING, table.RULE, table.line(result))} == {12}


def test_the_page_keeps_the_part_of_a_topology_that_was_not_played() -> None:
    before = table.page([silent("single", 1), silent("cluster", 2)], ["yesterday"], naive=False)
    after = table.page([silent("single", 3)], ["today"], naive=False, before=before)
    single, cluster = after.partition("## A cluster")[::2]
    assert "- today" in single and "- yesterday" in cluster
    assert "3.0 / 0.0 / 0.0" in single and "2.0 / 0.0 / 0.0" in cluster
    assert after == table.page([silent("single", 3)], ["today"], naive=False, before=after)
