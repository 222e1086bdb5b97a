"""Logs of the programs: one line an event, on standard error, without payloads or secrets."""

import atexit
import logging
import math
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Literal

from simulcast.log_lines import JSONFormatter, TextFormatter
from simulcast.log_repeats import Repeats

MAX_WAITING_BYTES = 256 * 1024  # of lines that standard error does not take; later ones are left out and counted
FLUSH_TIMEOUT_S = 1.0  # how long the end of a process waits for its last lines


class BackgroundHandler(logging.Handler):
    """Writes lines from a thread of its own: nobody may read standard error, and a full pipe would stop the process.

    The bytes go past Python's buffer, whose lock a blocked thread would keep at exit.
    """

    def __init__(self, descriptor: int = 2) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._bytes = 0  # of the lines, and of the one that is being written
        self._left_out = 0
        self._repeats = Repeats()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Let the thread write the line, unless it is a warning that was said within the last minute."""
        try:
            with self._changed:
                for each in self._repeats.add(record, time.monotonic()):
                    self._append(each)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._write, name="log", daemon=True)
                    self._thread.start()
                    atexit.register(self.flush)  # `logging` forgets its handlers where `dictConfig` is called
                self._changed.notify_all()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Sum up what was repeated, and wait until all lines are written, for FLUSH_TIMEOUT_S at most."""
        with self._changed:
            self._append_sums(math.inf)
            self._repeats = Repeats()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._bytes, FLUSH_TIMEOUT_S)

    def _append(self, record: logging.LogRecord) -> None:
        line = f"{self.format(record)}\n".encode(errors="replace")
        if self._left_out:
            line = b"(%d lines were left out: nobody read them)\n%b" % (self._left_out, line)
        if self._bytes + len(line) > MAX_WAITING_BYTES:
            self._left_out += 1
            return
        self._left_out = 0
        self._lines.append(line)
        self._bytes += len(line)

    def _append_sums(self, now: float) -> None:
        for each in self._repeats.sums(now):
            self._append(each)

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._lines:
                    due = self._repeats.next_sum_at()
                    self._changed.wait(None if due is None else max(0.0, due - time.monotonic()))
                    self._append_sums(time.monotonic())
                line = self._lines.popleft()
            with suppress(OSError):  # it is closed
                rest = line
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            with self._changed:
                self._bytes -= len(line)
                self._changed.notify_all()


def configure(program: str, level: str, form: Literal["text", "json"] = "text", *, access_log: bool = False) -> None:
    """Set up the logging of this process, once. `level`: debug, info, warning or error."""
    handler = BackgroundHandler()
    handler.setFormatter(JSONFormatter(program) if form == "json" else TextFormatter(program))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("simulcast").setLevel(level.upper())
    logging.getLogger("simulcast.access").setLevel(logging.INFO if access_log else logging.WARNING)


def discard_lost_output() -> None:
    """Send what can't be written to a closed output nowhere, or the interpreter would end with exit code 120."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
