"""The Autobahn test-suite's own cases, run by kosoku against the echo, and what came of each."""

import asyncio
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conditions import until
from tests.ports import free_port
from tests.service import Program

FRAMING = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*")
DEFLATE = ("12.*", "13.*")
# Of each of their twelve ways to negotiate, the smallest messages, and of two middling ones: the largest take minutes
# of processor time.
_WAYS = [f"12.{n}" for n in range(1, 6)] + [f"13.{n}" for n in range(1, 8)]
DEFLATE_IN_SHORT = [*(f"{way}.1" for way in _WAYS), "12.1.8", "13.3.8"]
AT_ONCE = 3
FINE = frozenset({"OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"})
MAX_DURATION_S = 900.0


async def run(cases: Sequence[str], compressed: bool, folder: Path) -> dict[str, str]:
    """Each case's verdict, "OK/OK" for behaviour and close. `folder`: where reports and the server's output go.

    Cases have deadlines of their own, of a second or two, which a machine with much else to do may miss: what failed is
    tried once more, one case at a time.
    """
    verdicts = await _run(cases, compressed, folder, AT_ONCE)
    if again := failed(verdicts):
        verdicts |= await _run(list(again), compressed, folder, 1)
    return verdicts


async def _run(cases: Sequence[str], compressed: bool, folder: Path, at_once: int) -> dict[str, str]:
    port = free_port()
    flags = ["compressed"] if compressed else []
    server = Program(["-m", "tests.autobahn.echo", str(port), *flags], folder / "echo.log")
    try:
        await until(lambda: _answers(port), "the echo's start")
        wanted = [flag for case in cases for flag in ("--include", case)]
        suite = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("kosoku"),
            *("--parallelism", str(at_once), "--outdir", str(folder)),
            *(*wanted, f"ws://127.0.0.1:{port}"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(MAX_DURATION_S):
                await suite.wait()
        finally:
            if suite.returncode is None:
                suite.kill()
    finally:
        server.stop()
    (verdicts,) = json.loads((folder / "index.json").read_text()).values()
    return {case: f"{verdict['behavior']}/{verdict['behaviorClose']}" for case, verdict in verdicts.items()}


def failed(verdicts: dict[str, str]) -> dict[str, str]:
    """Those that are not fine."""
    return {case: verdict for case, verdict in verdicts.items() if not FINE.issuperset(verdict.split("/"))}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
