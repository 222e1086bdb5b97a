"""Containment of unexpected errors: one of a channel, a client or a report ends nothing else."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger("simulcast.errors")


@contextmanager
def contain_errors(subject: str) -> Iterator[None]:
    """Log an unexpected error of the subject with its traceback, and go on behind the block."""
    try:
        yield
    except Exception:
        _log.exception("unexpected error: %s", subject)
