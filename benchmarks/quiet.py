"""Whether something else uses the machine: a number that was measured beside other work says little."""

import os
import resource
import time
from pathlib import Path

MAX_CORES = 0.1  # of others, while a row is measured
_TICKS = os.sysconf("SC_CLK_TCK")


def _busy_s() -> float:
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _waiting, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _own_s() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


class Others:
    """What others have used since this was made. Own children count once they have ended."""

    def __init__(self) -> None:
        self._began = time.monotonic(), _busy_s(), _own_s()

    def __str__(self) -> str:
        return f"others used {self.cores():.2f} cores of the machine on average"

    def cores(self) -> float:
        """Cores' worth of CPU, on average."""
        began, busy, own = self._began
        return max(0.0, (_busy_s() - busy - (_own_s() - own)) / (time.monotonic() - began))


def wait(most_s: float) -> None:
    """Returns when a second went by in which others did next to nothing, or after `most_s`."""
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        others = Others()
        time.sleep(1)
        if others.cores() < MAX_CORES:
            return
