"""How many files, and so clients, a process may have open: the soft limit is for programs that don't know better."""

import logging
import resource
import sys

DEFAULT_LIMIT = 65_536  # raised so far, where the hard limit allows it
MAX_LIMIT = 1_048_576  # counted with, where a limit is endless
MACOS_OPEN_MAX = 10_240  # by macOS, whose hard limit is endless and isn't meant (OPEN_MAX, setrlimit(2))
_log = logging.getLogger("simulcast.file_limits")


def read_limits() -> tuple[int, int]:
    """Soft and hard, sys.maxsize for an endless one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _number(soft), _number(hard)


def usable_limit(soft: int, hard: int) -> int:
    """What `raise_limit` makes of these two, where it is not refused."""
    return min(max(soft, min(hard, DEFAULT_LIMIT)), MAX_LIMIT)


def raise_limit() -> int:
    """Raises this process's soft limit and returns what it may have then. Where that is refused, it stays."""
    soft, hard = read_limits()
    wanted = usable_limit(soft, hard)
    if soft >= wanted:
        return wanted
    refusal: Exception | None = None
    for attempt in (wanted, MACOS_OPEN_MAX):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (attempt, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        except (ValueError, OSError) as error:
            refusal = error
        else:
            _log.info("open files: raised from %d to %d", soft, attempt)
            return attempt
    _log.warning("at most %d open files, clients among them: could not raise that to %d (%s)", soft, wanted, refusal)
    return soft


def _number(limit: int) -> int:
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
