"""A place in the queue, as clients name it: beside another download, since an index is another one after a claim."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from simulcast.model.events import MAX_ID_CHARS

MAX_PRIORITY: Final = 9
Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="higher ones go first")]
_Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]


class Before(BaseModel):
    """The place immediately before another download."""

    model_config = ConfigDict(extra="forbid")

    before: _Id


class After(BaseModel):
    """The place immediately behind another download."""

    model_config = ConfigDict(extra="forbid")

    after: _Id


QueuePosition = Annotated[
    Literal["first", "last"] | Before | After,
    Field(description="beside a download that waits, whose priority it gets"),
]
_position: TypeAdapter[Literal["first", "last"] | Before | After] = TypeAdapter(QueuePosition)


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A place in the queue. `neighbour`: an id, "" beside the first or the last one."""

    side: Literal["first", "last", "before", "after"]
    neighbour: str = ""

    @classmethod
    def parse(cls, position: object, download_id: str) -> "QueuePlace":
        """Return the place of a `QueuePosition`, or of its JSON, for a download. Raises ValueError."""
        try:
            place = _position.validate_python(position)
        except ValidationError:
            raise ValueError('it is "first", "last", {"before":"<id>"} or {"after":"<id>"}') from None
        if isinstance(place, Before):
            parsed = cls("before", place.before)
        elif isinstance(place, After):
            parsed = cls("after", place.after)
        else:
            parsed = cls(place)
        if parsed.neighbour == download_id:
            raise ValueError("a download can't be put beside itself")
        return parsed

    @property
    def position(self) -> object:
        """The JSON of the place."""
        return {self.side: self.neighbour} if self.neighbour else self.side

    def __str__(self) -> str:
        """The place as lua/queue_order.lua reads it."""
        return f"{self.side} {self.neighbour}"
