"""What the publisher and the clients write down, a line each; the checker compares the two.

Times are seconds of the machine's monotonic clock, which all its processes share.
"""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Literal

Kind = Literal["state", "progress", "other"]
Outcome = Literal["acknowledged", "unknown", "refused"]
ENDS = frozenset({"complete", "error", "cancelled"})  # of an attempt: events without "download_"
THE_END = "the-end"  # the download whose end is published last: who has seen it has seen all


@dataclass(frozen=True, slots=True)
class Published:
    """One call of the publisher. `ident`: its number, or what identifies a state event of a download with a record.

    `number`: counts the publisher's calls; -1 where a worker published. `outcome`: `unknown` where the call failed and
    the event may be stored all the same, `refused` where it can't be.
    """

    ident: str
    key: str
    kind: Kind
    is_end: bool
    number: int
    called_at: float
    outcome: Outcome
    positions: Sequence[str] = ()

    def line(self) -> str:
        return json.dumps(astuple(self), separators=(",", ":")) + "\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened to a client: its connection was `opened`, it was told `hello`, it `got` an event.

    `event_id`: of the event, or the position in hello. `ident`: the publisher's number, or download, attempt, change
    and event (the type without "download_") of one with a record; empty for a worker's progress. `overtaken`: the
    command that came too late, and `command_id` its id.
    """

    what: Literal["opened", "hello", "got"]
    at: float
    ident: str = ""
    key: str = ""
    kind: Kind = "other"
    number: int = -1
    event_id: str = ""
    recovered: bool = True
    is_end: bool = False
    event: str = ""
    attempt: int = 0
    overtaken: str = ""
    command_id: str = ""

    def line(self) -> str:
        return json.dumps(astuple(self), separators=(",", ":")) + "\n"
