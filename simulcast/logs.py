"""Logs of the programs: one line an event, on standard error, without payloads or secrets."""

import logging
import os
import sys


def configure(level: str) -> None:
    """Set up logging. `level`: debug, info, warning or error."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("simulcast").setLevel(level.upper())


def discard_lost_output() -> None:
    """Send what can't be written to a closed output nowhere, or the interpreter would end with exit code 120."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
