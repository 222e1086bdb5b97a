"""All cases of the Autobahn test-suite: `make autobahn`. Exits with 1 where one fails."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.autobahn.suite import DEFLATE, FRAMING, failed, run


def main() -> None:
    """Takes minutes, most of them for the cases with compression."""
    bad: dict[str, str] = {}
    for cases, compressed in ((FRAMING, False), (DEFLATE, True)):
        with tempfile.TemporaryDirectory() as folder:
            verdicts = asyncio.run(run(cases, compressed, Path(folder)))
        bad |= failed(verdicts)
        print(f"{', '.join(cases)}: {len(verdicts)} cases, {len(failed(verdicts))} failed")
    for case, verdict in bad.items():
        print(f"  {case}: {verdict}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
