"""How many files, and so clients, a process may have open: the soft limit is for programs that don't know better."""

import logging
import resource

MOST = 1_048_576  # what Linux lets a process have unless its fs.nr_open says otherwise
_log = logging.getLogger("simulcast.open_files")


def limits() -> tuple[int, int]:
    """Soft and hard."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def usable(limit: int) -> int:
    """What a limit, which may be endless, comes to: no more than MOST. The soft one is raised to the hard one's."""
    return MOST if limit == resource.RLIM_INFINITY else min(limit, MOST)


def raise_limit() -> None:
    """Raises this process's soft limit as far as it may; where that is refused, it stays and that is logged."""
    soft, hard = limits()
    wanted = usable(hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError) as error:
        _log.warning("at most %d open files, clients among them: could not raise that to %d (%s)", soft, wanted, error)
    else:
        _log.info("open files: raised from %d to %d", soft, wanted)
