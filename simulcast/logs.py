"""Logs of the programs: one line an event, on standard error, without payloads or secrets."""

import logging


def configure(level: str) -> None:
    """Set up logging. `level`: debug, info, warning or error."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("simulcast").setLevel(level.upper())
