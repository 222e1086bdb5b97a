"""All downloads of a run, and what each may have become."""

import itertools
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.model.calls import SentCommand
from tests.model.worlds import Answer, Call, End, Worlds

LATE_S = 10.0  # how long a command without an answer may still be carried out
MIN_LOST_WORKERS = 3  # in a row, from which on a download is set aside


@dataclass(eq=False)
class ModelDownload:
    """`digest`: of the whole file. `lost_workers`: faults of workers since it was added, of whichever download."""

    number: int
    url: str
    digest: str
    worlds: Worlds
    download_id: str = ""
    lost_workers: int = 0
    requests: list[tuple[SentCommand, Answer | None]] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)


@dataclass
class Model:
    """`is_loose`: a failover may hide acknowledged commands until all is at rest. `is_late`: the old master lives on.

    `faults`: what was done, in words. `cleared_at`: seconds since 1970 up to which ended jobs of any kind may be gone.
    """

    downloads: list[ModelDownload] = field(default_factory=list)
    is_loose: bool = False
    is_late: bool = False
    faults: list[str] = field(default_factory=list)
    cleared_at: float = 0.0
    numbers: Iterator[int] = field(default_factory=itertools.count)
    calls: int = 0
    unanswered: int = 0
    _clears: list[dict[ModelDownload, Call]] = field(default_factory=list)
    _began_s: float = field(default_factory=time.monotonic)

    def now(self) -> str:
        return f"{time.monotonic() - self._began_s:8.3f}"

    def note(self, fault: str) -> None:
        """Write a fault into the trace."""
        self.faults.append(f"{self.now()} {fault}")

    def fault_counts(self) -> Counter[str]:
        """Count the faults of each kind."""
        return Counter(re.sub(r" [0-9.]+", " N", fault[8:].strip()) for fault in self.faults)

    def add(self, number: int, url: str, digest: str, end: End) -> ModelDownload:
        """Note a download that is about to be submitted."""
        download = ModelDownload(number, url, digest, Worlds(end))
        self.downloads.append(download)
        for clear in self._clears:
            self._send(download, clear.setdefault(download, Call("clear", is_loose=self.is_loose)))
        return download

    def loosen(self, is_late: bool) -> None:
        """Note that a failover begins. `is_late`: the old master lives on, and may accept commands."""
        self.is_loose, self.is_late = True, self.is_late or is_late
        for download in self.downloads:
            for call in download.worlds.pending:
                call.is_loose, call.is_late = True, self.is_late

    def lose_worker(self) -> None:
        """Note that a worker is killed or stalled."""
        for download in self.downloads:
            download.lost_workers += 1
            download.worlds.may_be_set_aside = download.lost_workers >= MIN_LOST_WORKERS

    def send(self, download: ModelDownload, call: Call) -> None:
        """Note a command that is about to be sent."""
        self.calls += 1
        self._send(download, call)

    def _send(self, download: ModelDownload, call: Call) -> None:
        call.is_loose, call.is_late = self.is_loose, self.is_late
        download.worlds.send(call)
        download.trace.append(f"{self.now()} {_words(call)} …")

    def answer(self, download: ModelDownload, call: Call, answer: Answer | None) -> None:
        """Note the answer to a command. Raises Contradiction."""
        download.trace.append(f"{self.now()} {_words(call)}: {answer or 'no answer'}")
        if answer is None:
            download.worlds.abandon(call)
        else:
            download.worlds.answer(call, answer)

    @contextmanager
    def clearing(self) -> Iterator[list[Answer]]:
        """Note that all ended downloads are cleared; the answer is put into the list that this yields, if one came."""
        self.calls += 1
        clear: dict[ModelDownload, Call] = {}
        self._clears.append(clear)
        for download in self.downloads:
            self._send(download, clear.setdefault(download, Call("clear")))
        answers: list[Answer] = []
        yield answers
        self.cleared_at = time.time() + (0.0 if answers else LATE_S)
        if answers:
            self._clears.remove(clear)
        for download, call in clear.items():
            if call in download.worlds.pending:
                self.answer(download, call, answers[0] if answers else None)

    def rest(self, gone: set[ModelDownload]) -> None:
        """Begin again with what was observed. `gone`: downloads that are left out from now on."""
        self.is_loose = self.is_late = False
        self._clears.clear()
        self.downloads = [download for download in self.downloads if download not in gone]
        for download in self.downloads:
            download.requests.clear()


def _words(call: Call) -> str:
    marks = " with file" * call.with_file + f" {call.limit}" * (call.limit is not None) + " again" * call.is_repeated
    return f"{call.action}{marks}"
