"""The errors of the library.

SimulcastError
├── InvalidEvent         the message is not an event
│   └── EventTooLarge    one publication over MAX_EVENT_BYTES
├── PositionLost         the history no longer reaches back to a position
├── BrokerUnavailable    Redis did not answer, or refused to write
│   └── NotPermitted     the Redis user lacks a right, or its password
├── LeaseLost            the job belongs to another owner now
├── JobTaken             another process runs the job
├── JobCancelled         a client asked for the end of the job
├── SettingRefused       a program must not start with this setting
├── EmbeddedServerError  the server of `simulcast up` could not start
└── CommandError         a command of the command line failed
"""


class SimulcastError(Exception):
    """Base of all errors of this library."""


class InvalidEvent(SimulcastError):
    """The message to be published is not an event; the text names the member and the remedy."""


class EventTooLarge(InvalidEvent):
    """One publication exceeds the limit: `size` and `limit` in bytes of UTF-8."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the event has {size:,} bytes, and one publication may have {limit:,}: "
            "publish a reference to the large part"
        )
        self.size = size
        self.limit = limit


class PositionLost(SimulcastError):
    """The history does not reach back to `after`; `oldest` is its first position, if it has one."""

    def __init__(self, after: object, oldest: object | None) -> None:
        super().__init__(f"the history no longer reaches back to {after}; it begins at {oldest or 'nothing'}")
        self.after = after
        self.oldest = oldest


class BrokerUnavailable(SimulcastError):
    """Redis did not reply in time, or refused a write. The write may have been executed."""


class NotPermitted(BrokerUnavailable):
    """The Redis user lacks a right or its password; the message names the ACL rule, or the place of the password."""


class LeaseLost(SimulcastError):
    """Another worker owns the job, or none does: this one must stop and touch nothing more."""


class JobTaken(SimulcastError):
    """Another process, or a download, has that id: `owner` names it. `lease_end_ms`: by Redis' clock; 0 for never."""

    def __init__(self, job_id: str, owner: str, lease_end_ms: float = 0.0) -> None:
        super().__init__(f"job {job_id} is run by {owner}: give this one another id, or wait for its end")
        self.job_id = job_id
        self.owner = owner
        self.lease_end_ms = lease_end_ms


class JobCancelled(SimulcastError):
    """A client cancelled the job: before it began, or while `sync.track` yields its items."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} was cancelled")
        self.job_id = job_id


class SettingRefused(SimulcastError):
    """The message names the setting, its value unless that is secret, and the remedy."""


class EmbeddedServerError(SimulcastError):
    """The embedded server could not be started; the message names reason and remedy."""


class CommandError(SimulcastError):
    """A command of the command line failed. The message, of one or two lines, names input, reason and remedy."""
