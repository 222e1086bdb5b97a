"""The limits of all workers together, and the timetable by which they change."""

from datetime import datetime, time, timedelta
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
MAX_SPEED = 10**15  # bytes a second
MAX_DOWNLOADS = 10_000
MAX_PERIODS = 50
MAX_LIMITS_BYTES = 16 * 1024  # more than the longest timetable takes


def _check_timezone(name: str) -> str:
    """Return the name unchanged. Raises ValueError for one that this machine does not know."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name[:100]!r} is no time zone: give a name such as Europe/Berlin, or UTC") from None
    return name


Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="such as 22:30")]
TimeZone = Annotated[
    str, Field(max_length=100), AfterValidator(_check_timezone), WithJsonSchema({"type": "string", "maxLength": 100})
]


class Allowed(BaseModel):
    """Bounds for all workers together; None for no other than those of their own settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_speed: Annotated[int | None, Field(strict=True, ge=1, le=MAX_SPEED, description="bytes a second")] = None
    max_downloads: Annotated[
        int | None,
        Field(strict=True, ge=0, le=MAX_DOWNLOADS, description="how many run simultaneously; of 0 none begins"),
    ] = None


class Period(Allowed):
    """A part of some days, and the limits that hold then in place of the general ones.

    A period whose `end` is not later than its `start` goes on until then on the next day.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] = DAYS
    start: Clock
    end: Clock

    def includes(self, moment: datetime) -> bool:
        """Return whether a moment, by the clocks of the timetable's zone, lies in it."""
        start, end, now = time.fromisoformat(self.start), time.fromisoformat(self.end), moment.time()
        today = DAYS[moment.weekday()] in self.days
        if start < end:
            return today and start <= now < end
        yesterday = DAYS[(moment - timedelta(days=1)).weekday()] in self.days
        return (today and now >= start) or (yesterday and now < end)


class Limits(Allowed):
    """The limits, and a timetable: in each of its periods others hold. Of two that overlap, the first one does."""

    timezone: TimeZone = "UTC"
    timetable: Annotated[tuple[Period, ...], Field(max_length=MAX_PERIODS)] = ()

    def at(self, seconds: float) -> Allowed:
        """Return the limits that hold then. `seconds`: since 1970."""
        moment = datetime.fromtimestamp(seconds, ZoneInfo(self.timezone))
        rule = next((period for period in self.timetable if period.includes(moment)), self)
        return Allowed(max_speed=rule.max_speed, max_downloads=rule.max_downloads)


NO_LIMITS = Limits()


class LimitsNow(Limits):
    """The limits, and those of them that hold now."""

    now: Allowed

    @classmethod
    def of(cls, limits: Limits, seconds: float) -> "LimitsNow":
        """Return the limits as of then."""
        return cls(**dict(limits), now=limits.at(seconds))
