"""Lines of the log, whether anybody reads them or not."""

import logging
import os
import random
import re

import pytest

from simulcast import log_repeats, logs
from simulcast.logs import BackgroundHandler


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("simulcast.x", logging.INFO, "", 0, text, None, None)


def read_all(pipe: int, handler: BackgroundHandler) -> list[str]:
    """Read all lines until the handler has written the last one."""
    handler.emit(record("the end"))
    text = b""
    while not text.endswith(b"the end\n"):
        text += os.read(pipe, 65536)
    return text.decode(errors="replace").splitlines()[:-1]  # the first line may have lost its beginning


@pytest.mark.parametrize("seed", range(5))
def test_lines_that_nobody_reads_are_bounded_and_what_was_left_out_is_counted(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(logs, "FLUSH_TIMEOUT_S", 0.1)
    generator, count = random.Random(seed), 2000
    pipe, writing = os.pipe()
    handler = BackgroundHandler(writing)
    for number in range(count):
        handler.emit(record(f"{number} {'é' * generator.randint(0, 1000)}"))
        assert handler._bytes <= logs.MAX_WAITING_BYTES
    handler.flush()  # does not wait for ever
    while handler._bytes > logs.MAX_WAITING_BYTES / 2:
        os.read(pipe, 1)
    lines = read_all(pipe, handler)
    left_out = [int(notice[1]) for line in lines if (notice := re.match(r"\((\d+) lines were left out", line))]
    numbers = [int(line.split(" ")[0]) for line in lines if line[:1].isdigit()]
    assert left_out and numbers == sorted(set(numbers))
    os.close(pipe)


def test_lines_are_written_in_order_before_the_process_ends() -> None:
    pipe, writing = os.pipe()
    handler = BackgroundHandler(writing)
    for number in range(100):
        handler.emit(record(str(number)))
    handler.flush()
    assert not handler._bytes
    assert read_all(pipe, handler) == [str(number) for number in range(100)]
    os.close(pipe)


def test_the_sum_of_repeated_warnings_is_written_without_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_repeats, "REPEAT_INTERVAL_S", 0.05)
    pipe, writing = os.pipe()
    handler = BackgroundHandler(writing)
    for _ in range(3):
        handler.emit(logging.LogRecord("simulcast.x", logging.WARNING, "", 0, "no jobs", None, None))
    text = b""
    while text.count(b"\n") < 2:
        text += os.read(pipe, 65536)
    assert re.match(rb"no jobs\nno jobs \((once|2 times) more within 0 s\)\n", text)
    os.close(pipe)


def test_the_sum_of_repeated_warnings_is_written_at_the_end() -> None:
    pipe, writing = os.pipe()
    handler = BackgroundHandler(writing)
    for _ in range(2):
        handler.emit(logging.LogRecord("simulcast.x", logging.WARNING, "", 0, "no jobs", None, None))
    handler.flush()
    assert read_all(pipe, handler) == ["no jobs", "no jobs (once more within 60 s)"]
    os.close(pipe)
