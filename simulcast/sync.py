"""The calls of `simulcast.notify` and `simulcast.job` without await, for threads and plain scripts.

A broker in an event loop of its own carries them out, in a thread that ends with the process. A forked child gets a
loop, a thread and connections of its own at its first call.
"""

from simulcast import tracing
from simulcast.background import Background, shared
from simulcast.job_handle import SyncJob, current_job
from simulcast.job_keeper import JobKeeper
from simulcast.model import own_job
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.events import Message, complete_event, error_event, progress_event
from simulcast.model.position import Position
from simulcast.own_jobs import QUEUED_TTL_S
from simulcast.track import track

__all__ = [
    "SyncPublisher",
    "broadcast_message",
    "current_job",
    "job",
    "notify_download_complete",
    "notify_download_error",
    "notify_download_progress",
    "queue_job",
    "track",
]


class SyncPublisher(Background):
    """Publishes in order. Safe in several threads and after a fork, but not in an event loop, which it would block."""

    def publish(
        self,
        message: Message,
        channel: str = DEFAULT_CHANNEL,
        *,
        key: str = "",
        idempotency_key: str = "",
        ttl_s: int | None = None,
        ends: bool = False,
        traceparent: str = "",
    ) -> Position | None:
        """As `Broker.publish`. Raises BrokerUnavailable also once it is closed, or the interpreter is shutting down."""
        cause = traceparent or tracing.current()  # here, for the broker runs in another thread
        return self.run(
            "publish",
            lambda: self.broker.publish(
                message,
                channel,
                key=key,
                idempotency_key=idempotency_key,
                ttl_s=ttl_s,
                ends=ends,
                traceparent=cause,
            ),
        )


def broadcast_message(
    message: Message,
    channel: str = DEFAULT_CHANNEL,
    *,
    key: str = "",
    idempotency_key: str = "",
    ttl_s: int | None = None,
    ends: bool = False,
    traceparent: str = "",
) -> Position | None:
    """Publish to all connected clients of all front-ends; see `simulcast.notify.broadcast_message`."""
    return shared(SyncPublisher).publish(
        message,
        channel,
        key=key,
        idempotency_key=idempotency_key,
        ttl_s=ttl_s,
        ends=ends,
        traceparent=traceparent,
    )


def notify_download_progress(download_id: str, progress: float, speed: int) -> Position | None:
    """Publish progress, from 0.0 to 1.0, and speed in bytes a second. Raises as `broadcast_message`."""
    return broadcast_message(progress_event(download_id, progress, speed))


def notify_download_complete(download_id: str, file_path: str) -> Position | None:
    """Publish that the download is complete, with the path of its file. Raises as `broadcast_message`."""
    return broadcast_message(complete_event(download_id, file_path))


def notify_download_error(download_id: str, error_message: str) -> Position | None:
    """Publish that the download failed; `error_message` is for a person. Raises as `broadcast_message`."""
    return broadcast_message(error_event(download_id, error_message))


def job(
    job_id: str,
    *,
    kind: str = "",
    name: str = "",
    channel: str = DEFAULT_CHANNEL,
    attempt: int = 0,
    url: str = "",
    owner: str = "",
    callback_url: str = "",
) -> SyncJob:
    """Return a job for `with`, as `simulcast.job` for `async with`. Raises BrokerUnavailable as the calls above."""
    return SyncJob(job_id, kind, name, channel, attempt, url, owner, callback_url)


def queue_job(
    job_id: str,
    *,
    kind: str = "",
    name: str = "",
    channel: str = DEFAULT_CHANNEL,
    attempt: int = 0,
    ttl_s: float = QUEUED_TTL_S,
    url: str = "",
    owner: str = "",
    callback_url: str = "",
) -> int:
    """Announce a job that a process will start; see `simulcast.queue_job`."""
    about, keeper = own_job.about(job_id, kind, name, owner, callback_url), shared(JobKeeper, url)
    return keeper.queue(job_id, about, ChannelNames(channel).channel, attempt, ttl_s)
