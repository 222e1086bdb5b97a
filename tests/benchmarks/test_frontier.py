"""What the page about latency and processor time makes of what was measured."""

from benchmarks.frontier import SERVERS, markdown, svg
from benchmarks.scenarios import Row
from benchmarks.servers import PEERS

CHOSEN = [peer for peer in PEERS if peer.name in ("simulcast", "simulcast-latency", "uwebsockets")]


def row(p99_ms: float, cpu_s: float, void: str = "") -> Row:
    return Row({"p99_ms": p99_ms, "cpu_s": cpu_s}, void)


ROWS = {
    50: {"simulcast": [row(60, 4)], "simulcast-latency": [row(20, 7)], "uwebsockets": [row(30, 10)]},
    500: {
        "simulcast": [row(70, 5), row(90, 5), row(80, 5)],
        "simulcast-latency": [row(50, 9)],
        "uwebsockets": [row(40, 8)],
    },
    600: {"simulcast": [row(1, 1, "cut")], "simulcast-latency": [row(50, 9)], "uwebsockets": [row(40, 9)]},
}


def test_the_page_has_medians_and_names_who_is_better_in_both_numbers() -> None:
    page = markdown(ROWS, CHOSEN, 10, ["a fact"])
    assert "| 0.1 | 60.0, 40% | 20.0, 70% | 30.0, 100% |" in page
    assert "| 1.0 | 80.0, 50% | 50.0, 90% | 40.0, 80% |" in page
    assert "| 1.2 | – | 50.0, 90% | 40.0, 90% |" in page
    assert "- Better than Simulcast in both numbers: none." in page
    assert "- Better than Simulcast, latency first in both numbers: uWebSockets, by socketify at 1.0 M/s." in page


def test_the_picture_has_a_mark_for_each_number() -> None:
    assert svg(ROWS, CHOSEN, 10).count("<circle") == 8


def test_all_of_its_servers_are_known() -> None:
    assert {peer.name for peer in PEERS} >= set(SERVERS)
