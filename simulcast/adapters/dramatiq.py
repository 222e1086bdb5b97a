"""dramatiq: each message is a job that clients follow, queued, running, with its progress, its end, retries and loss.

    from simulcast.adapters.dramatiq import track_actors

    track_actors(broker)

An actor reports by `simulcast.current_job()`. Threads and processes are tracked; gevent is not.
"""

import threading
from collections.abc import Collection
from typing import Any

from dramatiq import Actor, Broker, Message, MessageProxy, Middleware
from dramatiq.middleware import SkipMessage

from simulcast.adapters.tracker import Tracker, set_result
from simulcast.errors import JobCancelled
from simulcast.job_handle import SyncJob, error_text
from simulcast.model.channel import DEFAULT_CHANNEL


def track_actors(broker: Broker, only: Collection[str] = (), channel: str = DEFAULT_CHANNEL, url: str = "") -> None:
    """Make the messages of the broker jobs that clients of the channel follow.

    Call it once the broker has its other middleware, so that the processes that send messages and those that run them
    do so. `only`: names of actors; empty for all. `url`: of Redis, "" for REDIS_URL. Raises ValueError.
    """
    tracking = Tracking(frozenset(only), Tracker(channel, url))
    # The first one: time limits begin after the start of the job, and it ends once the others have decided on a retry.
    first = type(broker.middleware[0]) if broker.middleware else None
    broker.add_middleware(tracking, before=first)


class _Thread(threading.local):
    """The message that a thread runs."""

    job: SyncJob | None = None
    is_retried = False


class Tracking(Middleware):
    """The jobs of one broker's messages."""

    def __init__(self, only: frozenset[str], tracker: Tracker) -> None:
        self._only = only
        self._tracker = tracker
        self._thread = _Thread()

    def _tracks(self, message: Message[Any] | MessageProxy) -> bool:
        return not self._only or message.actor_name in self._only

    def after_declare_actor(self, broker: Broker, actor: Actor[Any, Any]) -> None:
        """Keep what is cancelled from being retried."""
        throws = actor.options.get("throws") or ()
        actor.options["throws"] = (*(throws if isinstance(throws, tuple) else (throws,)), JobCancelled)

    def after_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:
        """In the process that sends a message: it is queued. In that of one that failed: it is retried."""
        if self._thread.job is not None and self._thread.job.id == message.message_id:
            self._thread.is_retried = True
        elif self._tracks(message):
            name, delay_s = message.actor_name, (delay or 0) / 1000
            self._tracker.announce(message.message_id, name, name, _attempt(message), delay_s)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """In the thread that runs a message: it begins, unless it was cancelled."""
        if not self._tracks(message):
            return
        name = message.actor_name
        try:
            self._thread.job = self._tracker.begin(message.message_id, name, name, _attempt(message))
        except JobCancelled as cancelled:
            raise SkipMessage(str(cancelled)) from cancelled

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """In the thread that ran a message: it has ended, or is retried."""
        job, is_retried = self._thread.job, self._thread.is_retried
        self._thread.job, self._thread.is_retried = None, False
        if job is None:
            return
        if exception is None:
            set_result(job, result)
        if is_retried:
            job.finish("queued", error_text(exception))
        else:
            job.__exit__(None, exception, None)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Another middleware skips the message: it is too old, for example."""
        self.after_process_message(broker, message, exception=SkipMessage("it was skipped"))


def _attempt(message: Message[Any] | MessageProxy) -> int:
    return int(message.options.get("retries", 0)) + 1
