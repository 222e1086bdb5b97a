"""Celery 5: each task is a job, queued, running, with its progress, its end, its retries and its loss.

    from simulcast.adapters.celery import track_tasks

    track_tasks(app)

A task reports by `simulcast.current_job()`. The pools prefork, threads and solo, and eager tasks, are tracked; in
those of gevent and eventlet tasks run without being tracked.
"""

import functools
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from celery import Celery, Task, current_task, signals
from celery.exceptions import Ignore, Reject, Retry

from simulcast.adapters.tracker import Tracker, set_result
from simulcast.errors import JobCancelled
from simulcast.job_handle import SyncJob, current_job, error_text
from simulcast.model.channel import DEFAULT_CHANNEL

_GUARDED = "_simulcast_guarded"
_REPLACED = "another task takes its place"


def track_tasks(app: Celery, only: Collection[str] = (), channel: str = DEFAULT_CHANNEL, url: str = "") -> None:
    """Make the tasks of the application jobs that clients of the channel follow.

    Call it where the application is made, so that the processes that send tasks and those that run them do so.
    `only`: names of tasks; empty for all but Celery's own. `url`: of Redis, "" for REDIS_URL. Raises ValueError.
    """
    tracking = _Tracking(app, frozenset(only), Tracker(channel, url))
    for signal, receiver in (
        (signals.after_task_publish, tracking.announce),
        (signals.task_prerun, tracking.begin),
        (signals.task_postrun, tracking.end),
        (signals.task_revoked, tracking.revoke),
        (signals.worker_init, tracking.guard_tasks),  # the application is complete, with all its tasks
        (app.on_after_finalize, tracking.guard_tasks),
    ):
        signal.connect(receiver, weak=False)
    if app.finalized:
        tracking.guard_tasks()


class _Tracking:
    """The receivers of Celery's signals for one application."""

    def __init__(self, app: Celery, only: frozenset[str], tracker: Tracker) -> None:
        self._app = app
        self._only = only
        self._tracker = tracker

    def _tracks(self, name: str) -> bool:
        return name in self._only if self._only else not name.startswith("celery.")

    def announce(self, sender: str, headers: dict[str, Any], **_: object) -> None:
        """In the process that sends a task: it is queued."""
        task_id = headers.get("id")  # of the second protocol; the first one has no headers
        if not task_id or not self._tracks(sender):
            return
        if current_task and current_task.request.id == task_id:
            current_task.request.simulcast_sent_again = True
        eta = headers.get("eta")
        delay_s = (datetime.fromisoformat(eta) - datetime.now(UTC)).total_seconds() if eta else 0.0
        attempt = headers.get("retries", 0) + 1
        self._tracker.announce(task_id, sender, headers.get("shadow") or sender, attempt, delay_s)

    def begin(self, task_id: str, task: Task, **_: object) -> None:
        """In the process that runs a task: it begins. An error is kept for the guard, as Celery drops it here."""
        if not self._is_own(task) or not self._tracks(task.name):
            return
        request = task.request
        name = request.shadow or task.name
        outer = current_job()
        if isinstance(outer, SyncJob) and outer.id == task_id:  # in the run of an eager task, which this one replaces
            outer.finish("queued", _REPLACED)
        try:
            request.simulcast_job = self._tracker.begin(task_id, task.name, name, request.retries + 1)
        except Exception as error:
            request.simulcast_error = error

    def end(self, task: Task, retval: object, state: str | None, **_: object) -> None:
        """In the process that ran a task: it has ended; `retval` is its result or its exception."""
        job: SyncJob | None = getattr(task.request, "simulcast_job", None)
        if job is None or not self._is_own(task):
            return
        if state == "SUCCESS":
            if not (task.request.ignore_result or task.ignore_result):
                set_result(job, retval)
            job.__exit__(None, None, None)
            return
        error = retval if isinstance(retval, BaseException) else sys.exc_info()[1]
        match error:
            case Retry():
                reason = error.exc or error.message or ""
                if job.finish("queued", error_text(reason)) == "cancelled":
                    self._app.control.revoke(job.id)
            case Reject(requeue=True):
                job.finish("queued", str(error.reason or ""))
            case Reject():
                job.finish("error", str(error.reason or "it was rejected"))
            case Ignore(__cause__=JobCancelled()):
                job.finish("cancelled")
            case Ignore() if getattr(task.request, "simulcast_sent_again", False):
                job.finish("queued", _REPLACED)
            case Ignore():
                job.__exit__(None, None, None)
            case SystemExit(code=int(code)) if code < -128:
                pass  # terminated by the main process: its lease tells whether it was cancelled or lost
            case _:
                job.__exit__(None, error, None)

    def revoke(self, sender: Task, request: Any, **_: object) -> None:
        """In the main process of a worker: a task was revoked or terminated, or has expired."""
        if self._is_own(sender) and self._tracks(sender.name):
            self._tracker.cancel(request.id)

    def guard_tasks(self, *_: object, **__: object) -> None:
        """Keep tasks that were cancelled in the queue from running."""
        for name, task in self._app.tasks.items():
            run = "_orig_run" if hasattr(task, "_orig_run") else "run"  # within Celery's own guard, which retries
            if self._tracks(name) and not hasattr(getattr(task, run), _GUARDED):
                setattr(task, run, _guard(task, getattr(task, run)))

    def _is_own(self, task: Task) -> bool:
        return bool(task.app == self._app)


def _guard(task: Task, run: Any) -> Any:
    """Return the task's `run`, whose cancelled runs are revoked, not failed."""

    @functools.wraps(run)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        request = task.request
        error = getattr(request, "simulcast_error", None)
        try:
            if error is not None:
                raise error
            return run(*args, **kwargs)
        except JobCancelled as cancelled:
            if error is None and getattr(request, "simulcast_job", None) is None:
                raise
            if not request.is_eager:
                store_result = not (request.ignore_result or task.ignore_result)
                task.backend.mark_as_revoked(request.id, str(cancelled), request, store_result)
            raise Ignore from cancelled

    setattr(guarded, _GUARDED, True)
    return guarded
