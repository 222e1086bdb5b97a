"""`simulcast.sync.track`: the items of a loop as a job, as `rich.progress.track` and tqdm have it."""

import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from simulcast.job_handle import SyncJob
from simulcast.job_keeper import PROGRESS_INTERVAL_S
from simulcast.model.channel import DEFAULT_CHANNEL

T = TypeVar("T")


def track(
    items: Iterable[T],
    job_id: str,
    *,
    kind: str = "",
    name: str = "",
    total: int | None = None,
    unit: str = "",
    channel: str = DEFAULT_CHANNEL,
    url: str = "",
    owner: str = "",
) -> Iterator[T]:
    """Yield the items, and tell everyone how many are done, of `total`, or of `len(items)` where that is known.

    The job begins with the first item and is complete behind the last one. It is cancelled where the loop is left
    before, since an iterator can't tell `break` from an error: `with simulcast.sync.job(…)` tells an error's text.
    Raises JobCancelled once a client cancelled it, and as `simulcast.job`.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    return _track(items, SyncJob(job_id, kind, name, channel, 0, url, owner), total, unit)


def _track(items: Iterable[T], job: SyncJob, total: int | None, unit: str) -> Iterator[T]:
    done, told_at = 0, 0.0
    with job:
        job.progress(done=0, total=total, unit=unit)
        try:
            for item in items:
                job.raise_if_cancelled()
                yield item
                done += 1
                if time.monotonic() - told_at > PROGRESS_INTERVAL_S:  # a loop of a million items stays one
                    told_at = time.monotonic()
                    job.progress(done=done)
        finally:
            job.progress(done=done)
