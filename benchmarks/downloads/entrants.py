"""Who downloads, each at its best settings for the case."""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.build import NotBuilt
from benchmarks.downloads import ours
from benchmarks.downloads.cases import Case
from benchmarks.downloads.source import Source
from benchmarks.downloads.usage import Usage, run
from benchmarks.servers import simulcast_version

# Of --file-allocation, -j and the disk cache others were tried: these were the fastest here.
_ARIA2 = ("aria2c", "--no-conf", "--quiet", "--file-allocation=falloc", "--min-split-size=1M")
_CURL = ("curl", "--disable", "--silent", "--show-error", "--fail")

Program = Literal["Simulcast", "aria2c", "curl"]
Run = Callable[[Case, Source, Path], Usage]


@dataclass(frozen=True, slots=True)
class Entrant:
    """`how`: its settings. `run`: downloads the case's files into an empty folder. `cases`: names of those in which
    it takes part."""

    program: Program
    how: str
    run: Run
    cases: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.program} {self.how}".strip()


def _simulcast(settings: Mapping[str, str] | None = None, workers: int = 1) -> Run:
    return lambda case, source, folder: ours.download(case, source, folder, workers, settings or {})


def _aria2(connections: int = 1, at_once: int = 1) -> Run:
    def download(case: Case, source: Source, folder: Path) -> Usage:
        listed = folder.with_name(f"{folder.name}.list")
        listed.write_text("".join(f"{source.url(name)}\n" for name in case.files))
        most = (f"-x{connections}", f"-s{connections}", f"-j{at_once}")
        return run([*_ARIA2, *most, "-d", str(folder), "-i", str(listed)], [folder / name for name in case.files])

    return download


def _curl(case: Case, source: Source, folder: Path) -> Usage:
    listed = folder.with_name(f"{folder.name}.list")
    listed.write_text("".join(f'url = "{source.url(name)}"\noutput = "{folder / name}"\n' for name in case.files))
    several = ("--parallel", "--parallel-max", "4") if case.count > 1 else ()
    return run([*_CURL, *several, "-K", str(listed)], [folder / name for name in case.files])


def version(program: Program) -> str:
    """What runs here. Raises NotBuilt where it is not installed."""
    if program == "Simulcast":
        return simulcast_version("pycurl", "redis", "hiredis")
    if shutil.which(program) is None:
        raise NotBuilt(f"no {program} on the PATH: apt-get install aria2 curl")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "?"


_ONE_CONNECTION = {"SIMULCAST_CONNECTIONS_PER_DOWNLOAD": "1"}
_SIXTEEN_CONNECTIONS = {"SIMULCAST_CONNECTIONS_PER_DOWNLOAD": "16", "SIMULCAST_CONNECTIONS_PER_HOST": "16"}
_SIXTEEN_DOWNLOADS = {
    "SIMULCAST_MAX_CONCURRENT_DOWNLOADS": "16",
    "SIMULCAST_DOWNLOADS_PER_HOST": "16",
    "SIMULCAST_CONNECTIONS_PER_HOST": "16",
}

ENTRANTS = (
    Entrant("Simulcast", "", _simulcast(), ("large", "capped", "many")),
    Entrant("Simulcast", "1 connection", _simulcast(_ONE_CONNECTION), ("large",)),
    Entrant("Simulcast", "16 connections", _simulcast(_SIXTEEN_CONNECTIONS), ("capped",)),
    Entrant("Simulcast", "16 at once", _simulcast(_SIXTEEN_DOWNLOADS), ("many", "together")),
    Entrant("Simulcast", "2 workers", _simulcast(workers=2), ("many",)),
    Entrant("aria2c", "-x1", _aria2(1), ("large",)),
    Entrant("aria2c", "-x4 -s4 -k1M", _aria2(4), ("large", "capped")),
    Entrant("aria2c", "-x16 -s16 -k1M", _aria2(16), ("large", "capped")),
    Entrant("aria2c", "-j4", _aria2(at_once=4), ("many",)),
    Entrant("aria2c", "-j16", _aria2(at_once=16), ("many", "together")),
    Entrant("curl", "", _curl, ("large", "capped", "many")),
)
