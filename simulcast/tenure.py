"""One run of one job: what its handle and the keeper of its lease know of it."""

import logging
import secrets
from dataclasses import dataclass, field

_log = logging.getLogger("simulcast.jobs")


@dataclass(slots=True, eq=False)
class Tenure:
    """One run of one job, in this process or the one that it was forked from.

    `may_run`: a start was sent, which may have been carried out. `starts_late`: Redis was away, or forgot it, and each
    renewal tries to start it. `news`: measures that wait. `pushed_by`: the process whose task will look for news.
    """

    job_id: str
    about: str
    channel: str
    attempt: int = 0
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    may_run: bool = False
    started: bool = False
    starts_late: bool = False
    cancel_requested: bool = False
    lost: bool = False
    is_ending: bool = False
    news: str = ""
    pushed_by: int = 0

    def lose(self) -> None:
        """Note that another run of the job has the lease, or none."""
        self.lost = True
        _log.warning("job %s is no longer this run's: its lease was lost", self.job_id)
