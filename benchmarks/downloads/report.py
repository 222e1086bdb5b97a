"""The page that says what came out."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks.downloads.cases import MIB, Case
from benchmarks.downloads.usage import Usage

Results = Mapping[str, Mapping[str, Sequence[Usage]]]
"""By case, by entrant's title, one a repetition."""

_EXPLAINED = """\
Made by `python -m benchmarks.downloads`; every number came from that one run. A local nginx serves random bytes from
memory; everything shares the machine's cores and one disk. Entrants take turns, beginning with another one in each
repetition; what the one before wrote is on the disk before the next begins. Medians are shown. After each run the
SHA-256 of every file was compared. Wall time of Simulcast is from the first submit to the last `download_complete`,
its service running; that of the others is their process from start to end. *On the disk* is until every file has
been given to `fsync` too, which Simulcast has done before it says complete. CPU is user and system until then, `fsync`
included, of the worker and Valkey in Simulcast's case; memory is the largest resident size, added up over their
processes, of the workers alone in Simulcast's case.
"""


def _median(found: Sequence[Usage], number: Callable[[Usage], float]) -> float:
    return median(map(number, found))


def _wall_s(usage: Usage) -> float:
    return usage.wall_s


def fastest_aria2(results: Mapping[str, Sequence[Usage]]) -> float | None:
    """Wall seconds of the best of aria2c's rows."""
    return min(
        (_median(found, _wall_s) for title, found in results.items() if title.startswith("aria2c")), default=None
    )


def _cpu_s(usage: Usage) -> float:
    return usage.cpu_s


def _ratio(value: float, reference: float | None) -> str:
    return f"{value / reference:.2f} ×" if reference else "–"


def _row(title: str, results: Mapping[str, Sequence[Usage]]) -> str:
    found, curl = results[title], results.get("curl")
    wall_s, cpu_s = _median(found, _wall_s), _median(found, _cpu_s)
    each = [usage.wall_s for usage in found]
    cells = (
        f"**{title}**" if title.startswith("Simulcast") else title,
        f"{wall_s:.2f}",
        f"{min(each):.2f} – {max(each):.2f}",
        f"{_median(found, lambda usage: usage.disk_s):.2f}",
        f"{cpu_s:.2f}",
        f"{_median(found, lambda usage: usage.peak_bytes) / MIB:.0f}",
        _ratio(wall_s, fastest_aria2(results)),
        _ratio(cpu_s, _median(curl, _cpu_s) if curl else None),
    )
    return f"| {' | '.join(cells)} |"


def markdown(results: Results, cases: Sequence[Case], facts: Sequence[str], versions: Mapping[str, str]) -> str:
    """The whole page."""
    lines = ["# Downloads", "", _EXPLAINED, *(f"- {fact}" for fact in facts), ""]
    for case in cases:
        if case.name in results:
            lines += [
                f"### {case.title}",
                "",
                "| | wall s | spread | on the disk s | CPU s | MB | wall, to aria2c's best | CPU, to curl's |",
                f"|---|{'---:|' * 7}",
                *(_row(title, results[case.name]) for title in results[case.name]),
                "",
            ]
    lines += ["### Versions", "", "| | |", "|---|---|", *(f"| {name} | {found} |" for name, found in versions.items())]
    return "\n".join([*lines, ""])
