"""The lines of standard input, as they come."""

import os
import sys
from collections.abc import AsyncIterator
from functools import partial
from typing import TextIO

from simulcast.cli.threads import call_in_thread
from simulcast.errors import CommandError

MAX_LINE_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024


def standard_input() -> TextIO:
    """Return the stream. Raises CommandError where it is closed: another file may have its descriptor then."""
    stream: TextIO | None = sys.stdin
    if stream is None:
        raise CommandError("standard input is closed: give it a file or a pipe")
    return stream


async def read_lines(descriptor: int) -> AsyncIterator[tuple[int, bytes]]:
    """Yield each line and its number, from 1. Raises CommandError for one of more than MAX_LINE_BYTES."""
    # Not sys.stdin: a thread that waits there would hold its lock, without which the program can't end.
    number, rest = 0, b""
    while chunk := await call_in_thread(partial(os.read, descriptor, _CHUNK_BYTES)):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            yield number, line
        if len(rest) > MAX_LINE_BYTES:
            raise CommandError(f"line {number + 1} has more than {MAX_LINE_BYTES:,} bytes: give one URL a line")
    if rest:
        yield number + 1, rest
