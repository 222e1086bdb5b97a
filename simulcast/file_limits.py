"""The limit of open files of a process, and so of its clients."""

import logging
import resource
import sys

DEFAULT_LIMIT = 65_536  # the soft limit is raised to it if the hard limit allows it
MAX_LIMIT = 1_048_576  # stands for an endless limit
MACOS_OPEN_MAX = 10_240  # real limit of macOS, whose hard limit says endless (OPEN_MAX, setrlimit(2))
_log = logging.getLogger("simulcast.file_limits")


def read_limits() -> tuple[int, int]:
    """Return the soft and the hard limit, sys.maxsize for an endless one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _number(soft), _number(hard)


def usable_limit(soft: int, hard: int) -> int:
    """Return the limit that `raise_limit` sets."""
    return min(max(soft, min(hard, DEFAULT_LIMIT)), MAX_LIMIT)


def raise_limit() -> int:
    """Raise this process's soft limit, and return it. A refusal is logged, and the limit stays."""
    soft, hard = read_limits()
    target = usable_limit(soft, hard)
    if soft >= target:
        return target
    refusal: Exception | None = None
    for limit in (target, MACOS_OPEN_MAX):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        except (ValueError, OSError) as error:
            refusal = error
        else:
            _log.info("open files: raised from %d to %d", soft, limit)
            return limit
    _log.warning("at most %d open files, clients among them: could not raise that to %d (%s)", soft, target, refusal)
    return soft


def _number(limit: int) -> int:
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
