"""`python -m benchmarks.downloads`: every entrant in every case, several times; writes results/downloads.md."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import quiet
from benchmarks.__main__ import RESULTS, WAIT_S, facts
from benchmarks.build import NotBuilt
from benchmarks.downloads.cases import Case, cases
from benchmarks.downloads.entrants import ENTRANTS, Entrant, version
from benchmarks.downloads.report import markdown
from benchmarks.downloads.source import Source
from benchmarks.downloads.usage import Usage


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.downloads", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller files, one repetition")
    parser.add_argument("--only", action="append", metavar="CASE", help="large, capped, many, together; several")
    parser.add_argument("--repetitions", type=int, help="3, with --quick 1")
    parser.add_argument("--wait", type=float, help="most seconds for a quiet machine before a row: 60, with --quick 0")
    parser.add_argument("--folder", type=Path, default=None, help="whose disk is written to, instead of TMPDIR")
    parser.add_argument("--name", default="downloads", help="of the file in results/")
    return parser.parse_args()


def _versions() -> dict[str, str]:
    """Of those programs that are installed here."""
    found: dict[str, str] = {}
    for program in dict.fromkeys(entrant.program for entrant in ENTRANTS):
        try:
            found[program] = version(program)
        except NotBuilt as error:
            print(f"left out: {error}", file=sys.stderr)
    return found


def _measured(entrant: Entrant, case: Case, source: Source, folder: Path) -> Usage:
    """One run, into a folder of its own that is gone afterwards. Raises RuntimeError where a file is not right."""
    into = folder / "run" / "into"
    into.mkdir(parents=True)
    try:
        os.sync()  # what the one before wrote is not this one's to write back
        with source.serving():
            usage = entrant.run(case, source, into)
        source.check(case, into)
        return usage
    finally:
        shutil.rmtree(into.parent)


def _turns(entrants: list[Entrant], repetitions: int) -> Iterator[Entrant]:
    """Each repetition begins with another entrant."""
    for turn in range(repetitions):
        first = turn % len(entrants)
        yield from entrants[first:] + entrants[:first]


def main() -> int:
    """Returns the exit code."""
    flags = _flags()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped
    repetitions = flags.repetitions or (1 if flags.quick else 3)
    wait_s = (0.0 if flags.quick else WAIT_S) if flags.wait is None else flags.wait
    chosen = [case for case in cases(flags.quick) if not flags.only or case.name in flags.only]
    versions = _versions()
    results: dict[str, dict[str, list[Usage]]] = {}
    told, most_cores = facts(repetitions), 0.0
    with tempfile.TemporaryDirectory(prefix="simulcast-downloads-", dir=flags.folder) as place:
        folder = Path(place)
        try:
            source = Source(chosen, folder)
        except NotBuilt as error:
            print(error, file=sys.stderr)
            return 1
        for case in chosen:
            mine = [entrant for entrant in ENTRANTS if case.name in entrant.cases and entrant.program in versions]
            found = results[case.name] = {entrant.title: [] for entrant in mine}
            for entrant in _turns(mine, repetitions):
                quiet.wait(wait_s)
                others = quiet.Others()
                usage = _measured(entrant, case, source, folder)
                found[entrant.title].append(usage)
                cores = others.cores()
                most_cores = max(most_cores, cores)
                print(f"{case.name}, {entrant.title}: {usage} (others: {cores:.2f} cores)", flush=True)
    told.append(f"others used at most {most_cores:.2f} cores of the machine while a row was measured")
    page = markdown(results, chosen, told, versions)
    (RESULTS / f"{flags.name}.md").write_text(page)
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
