"""What the publisher and the clients write down, a line each; the checker compares the two.

Times are seconds of the machine's monotonic clock, which all its processes share.
"""

import json
from dataclasses import astuple, dataclass
from typing import Literal

Kind = Literal["state", "progress", "other"]
Outcome = Literal["acknowledged", "unknown", "refused"]
ENDS = frozenset({"download_complete", "download_error"})
THE_END = "the-end"  # the download whose end is published last: who has seen it has seen all


@dataclass(frozen=True, slots=True)
class Published:
    """One call of the publisher. `ident`: its number, or `<download_id>/<change>` where a worker published.

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

    def line(self) -> str:
        return json.dumps(astuple(self), separators=(",", ":")) + "\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened to a client: its connection was `opened`, it was told `hello`, it `got` an event.

    `event_id`: of the event, or the position in hello. `ident` is empty for a worker's progress, which has no number.
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

    def line(self) -> str:
        return json.dumps(astuple(self), separators=(",", ":")) + "\n"
