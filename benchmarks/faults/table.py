"""The table of results, as Markdown, a line a row."""

from collections.abc import Sequence

from benchmarks.faults.topology import TITLES
from benchmarks.faults.trial import MAX_SILENCE_S, Result

HEADING = (
    "| fault | load | ends published | lost: state / other / progress | twice | not in order | announced gaps "
    "| downloads: wrong / submitted / complete | commands: wrong / accepted / unanswered at first "
    "| longest silence, s: kept / bare / SSE | |"
)
RULE = "|---|---|---:|---|---:|---:|---|---|---|---|---|"
LEGEND = f"""\
Clients: at each front-end one that keeps its position (simulcast.v1), a bare one that comes back without, and one of
SSE. *Lost*, *twice* and *not in order* are summed over all of them, and are zero where nothing is wrong. Progress
counts as lost only where nothing newer of its download came; what is neither progress nor an end, only outside an
announced gap. *Announced gaps*: how often a client that keeps its position was told `"recovered":false`, and in
brackets how many events (no ends, and of all clients) were left out inside gaps; for a bare client each new connection
is one.

In each row workers download, and clients submit and command downloads, by REST and over WebSocket. A download that was
answered 201 must exist afterwards and be as it was commanded, or complete with its file, byte for byte. An accepted
pause, cancel or deletion must hold, or an event say that it was overtaken. The last event of a download that each
client received must agree with its record, each attempt end once, and no other file be left. *Unanswered at first*:
submissions and commands that were answered `unavailable`, or not at all; commands are sent again.

*Silence* is the longest time between two events while the publisher published; where another server has to take over,
more than {MAX_SILENCE_S:g} s of it are wrong.
"""


def load_name(result: Result) -> str:
    """What was published between a start and an end."""
    load = result.load
    parts = [f"{load.progress} progress" if load.progress else "", f"{load.others} others" if load.others else ""]
    return f"{load.rate:.0f}/s, {' + '.join(part for part in parts if part)}"


def line(result: Result, before: str = "") -> str:
    """One row of the table, `before` in front of its title."""
    title = before + result.row.title
    if result.skipped:
        return f"| {title} | not run | | | | | | | | | {result.skipped} |"
    lost = " / ".join(str(result.total("lost", kind)) for kind in ("state", "other", "progress"))
    both = [result.total(what, "state", "other", "progress") for what in ("duplicated", "reordered", "in_gap")]
    silences = " / ".join(f"{result.silence_s(kind):.1f}" for kind in ("kept", "bare", "sse"))
    words = [*result.notes]
    if result.outcomes["refused"] or result.outcomes["unknown"]:
        words.append(f"publisher told of {result.outcomes['refused']} refused, {result.outcomes['unknown']} unknown")
    if result.too_silent:
        words.insert(0, f"**wrong**: {result.too_silent}")
    if not result.is_good:
        words.insert(0, f"**wrong**: {sum(f.wrong for f in result.findings)} {'; '.join(result.wrong)}")
    downloads, commands = "not played", "not played"
    if verdict := result.verdict:
        downloads = f"{len(verdict.downloads)} / {verdict.submitted} / {verdict.complete}"
        commands = f"{len(verdict.commands)} / {verdict.accepted.total()} / {result.unanswered.total()}"
    return (
        f"| {title} | {load_name(result)} | {result.ends} | {lost} | {both[0]} | {both[1]} "
        f"| {result.gaps} ({both[2]}) | {downloads} | {commands} | {silences} | {'; '.join(words)} |"
    )


def page(results: Sequence[Result], facts: Sequence[str], naive: bool, before: str = "") -> str:
    """Return the page. Of a topology that was not played, it keeps the part that the page before has."""
    title = "# The control: a naive server under the same faults" if naive else "# Faults"
    command = f"python -m benchmarks.faults{' --naive' if naive else ''}"
    parts = ["\n".join([title, "", f"Made by `{command}`, each part by itself.", "", LEGEND])]
    for topology, name in TITLES.items():
        if played := [line(each) for each in results if each.topology == topology]:
            parts.append(
                "\n".join([f"## {name}", "", *(f"- {fact}" for fact in facts), "", HEADING, RULE, *played, ""])
            )
        elif f"## {name}\n" in before:
            parts.append(f"## {name}\n" + before.partition(f"## {name}\n")[2].partition("\n## ")[0].rstrip() + "\n")
    return "\n".join(parts)
