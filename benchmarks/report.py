"""What came out, as Markdown: medians, the spread, and ratios to Centrifuge and to the floor."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.scenarios import Row, Scenario
from benchmarks.servers import Peer

AGAINST = "centrifuge-delay"
FLOOR = "floor"

COLUMNS: dict[str, tuple[str, float, str]] = {  # heading, divisor, format
    "deliveries_s": ("deliveries/s", 1e6, "{:,.2f} M"),
    "p50_ms": ("p50 ms", 1, "{:,.1f}"),
    "p99_ms": ("p99 ms", 1, "{:,.1f}"),
    "p999_ms": ("p99.9 ms", 1, "{:,.1f}"),
    "max_ms": ("longest ms", 1, "{:,.1f}"),
    "joined_s": ("s until all are in", 1, "{:,.2f}"),
    "cpu_s": ("CPU s", 1, "{:,.2f}"),
    "seconds": ("s", 1, "{:,.2f}"),
    "p99_without_ms": ("p99 ms without them", 1, "{:,.1f}"),
    "p99_ratio": ("with / without", 1, "{:,.2f}"),
    "per_stalled_bytes": ("KB a stalled client", 1024, "{:,.1f}"),
    "redis_commands": ("Redis commands", 1, "{:,.0f}"),
    "per_client_bytes": ("KB a client", 1024, "{:,.1f}"),
    "cpu_percent": ("CPU %", 1, "{:,.1f}"),
    "empty_bytes": ("MB empty", 1024**2, "{:,.0f}"),
    "per_second": ("handshakes/s", 1, "{:,.0f}"),
}

Results = Mapping[str, Mapping[str, Sequence[Row]]]  # by scenario, by peer, one row a repetition


@dataclass(frozen=True, slots=True)
class Summary:
    """The medians of a peer's rows in one scenario. `void`: why there is no number, where that is so."""

    numbers: Mapping[str, float]
    low: float
    high: float
    void: str


def summary(rows: Sequence[Row], measure: str) -> Summary:
    """One void repetition makes the peer's row void."""
    for row in rows:
        if row.void:
            return Summary(row.numbers, 0.0, 0.0, row.void)
    names = rows[0].numbers
    values = [row.numbers[measure] for row in rows]
    medians = {name: median(row.numbers[name] for row in rows) for name in names}
    return Summary(medians, min(values), max(values), "")


def _cell(name: str, value: float) -> str:
    _, divisor, form = COLUMNS[name]
    return form.format(value / divisor)


def _ratio(mine: Summary, other: Summary | None, measure: str) -> str:
    if other is None or other.void or mine.void or not other.numbers[measure]:
        return "–"
    return f"{mine.numbers[measure] / other.numbers[measure]:.2f} ×"


def _table(scenario: Scenario, summaries: Mapping[str, Summary], peers: Iterable[Peer]) -> list[str]:
    headings = [COLUMNS[name][0] for name in scenario.shown]
    what = COLUMNS[scenario.measure][0]
    lines = [
        f"### {scenario.title}",
        "",
        f"| | {' | '.join(headings)} | {what}: spread | to Centrifuge, 10 ms | to the floor |",
        f"|---|{'---:|' * (len(headings) + 3)}",
    ]
    for peer in peers:
        found = summaries.get(peer.name)
        if found is None:
            continue
        title = f"**{peer.title}**" if peer.is_ours else peer.title
        if found.void:
            lines.append(f"| {title} | void: {found.void} |{' |' * (len(headings) + 2)}")
            continue
        cells = [_cell(name, found.numbers[name]) for name in scenario.shown]
        spread = f"{_cell(scenario.measure, found.low)} – {_cell(scenario.measure, found.high)}"
        ratios = [_ratio(found, summaries.get(name), scenario.measure) for name in (AGAINST, FLOOR)]
        lines.append(f"| {title} | {' | '.join([*cells, spread, *ratios])} |")
    return [*lines, ""]


def markdown(
    results: Results,
    scenarios: Iterable[Scenario],
    peers: Sequence[Peer],
    facts: Sequence[str],
    versions: Mapping[str, str],
) -> str:
    """The whole page."""
    lines = [
        "# Benchmarks",
        "",
        "Made by `python -m benchmarks`; every number below came from that one run. Each server has one core to",
        "itself; clients, publisher and Valkey share the other. Servers take turns within each repetition; medians of",
        "the repetitions are shown. Latency is from publishing to receipt in the client. A row is void unless every",
        "client got every event once and in order. Simulcast's events pass through Valkey and its history; those of",
        "Centrifuge and of the C loop that only sends are made in the server's own process, without a Redis between,",
        "which favours them.",
        "",
        *(f"- {fact}" for fact in facts),
        "",
    ]
    for scenario in scenarios:
        rows = results.get(scenario.name)
        if rows:
            summaries = {name: summary(found, scenario.measure) for name, found in rows.items() if found}
            lines += _table(scenario, summaries, peers)
    lines += ["### Versions", "", "| | |", "|---|---|"]
    lines += [f"| {peer.title} | {versions[peer.name]} |" for peer in peers if peer.name in versions]
    return "\n".join([*lines, ""])
