"""What can go wrong, by name.

SimulcastError
├── InvalidEvent         what was published is not an event
│   └── EventTooLarge    one publication over MAX_EVENT_BYTES
├── PositionLost         the history no longer reaches back to a position
├── BrokerUnavailable    Redis did not answer, or refused to write
│   └── NotPermitted     the Redis user lacks a right, or its password
├── LeaseLost            a job belongs to another owner now
├── SettingRefused       a setting with which a program must not start
└── EmbeddedServerError  the server that `simulcast up` brings could not start
"""


class SimulcastError(Exception):
    """Base of every error that this library raises on purpose."""


class InvalidEvent(SimulcastError):
    """What was to be published is not an event; the message names the member and the remedy."""


class EventTooLarge(InvalidEvent):
    """One publication exceeds the limit: `size` and `limit` in bytes of UTF-8."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the event has {size:,} bytes, and one publication may have {limit:,}: "
            "publish a reference to what is large"
        )
        self.size = size
        self.limit = limit


class PositionLost(SimulcastError):
    """The history does not reach back to `asked`; `oldest` is the first position it still holds, if any."""

    def __init__(self, after: object, oldest: object | None) -> None:
        super().__init__(f"the history no longer reaches back to {after}; it begins at {oldest or 'nothing'}")
        self.after = after
        self.oldest = oldest


class BrokerUnavailable(SimulcastError):
    """Redis did not answer in time or refused to write. Whether the write was done may be unknown."""


class NotPermitted(BrokerUnavailable):
    """The Redis user lacks a right or its password; the message names the ACL rule, or the place of the password."""


class LeaseLost(SimulcastError):
    """The job is owned by another worker, or by none: this one must stop and touch nothing more."""


class SettingRefused(SimulcastError):
    """The message names the setting, its value unless that is secret, and the remedy."""


class EmbeddedServerError(SimulcastError):
    """The embedded server could not be started; the message says why and what to do."""


class CommandError(SimulcastError):
    """A command cannot do what was asked. One or two lines: what was wrong, with which input, and the remedy."""
