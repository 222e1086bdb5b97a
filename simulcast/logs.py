"""How programs log: one line an event to standard error, without payloads or secrets."""

import logging


def configure(level: str) -> None:
    """`level`: debug, info, warning or error."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("simulcast").setLevel(level.upper())
