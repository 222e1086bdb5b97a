"""Every name in Redis. All keys of a channel share its hash tag, so that one function may touch them in a cluster."""

import re
from dataclasses import dataclass
from functools import cached_property

DEFAULT_CHANNEL = "downloads"
CHANNEL_PATTERN = "[A-Za-z0-9_.:-]{1,100}"
_CHANNEL = re.compile(CHANNEL_PATTERN, re.ASCII)


@dataclass(frozen=True)
class ChannelNames:
    """The names that belong to `channel`. Raises ValueError for a channel that is not 1–100 of A–Z a–z 0–9 _ . : -"""

    channel: str = DEFAULT_CHANNEL

    def __post_init__(self) -> None:
        if _CHANNEL.fullmatch(self.channel) is None:
            raise ValueError(f"a channel has 1 to 100 of A-Z a-z 0-9 _ . : -, not {self.channel[:120]!r}")

    @cached_property
    def pubsub(self) -> str:
        """The Pub/Sub channel on which publications travel; the hash tag is this whole name."""
        return f"simulcast:{self.channel}"

    def _key(self, what: str) -> str:
        return f"{{{self.pubsub}}}:{what}"

    @cached_property
    def stream_keys(self) -> list[str]:
        """KEYS of every function that publishes, in the order that lua/incarnation.lua names them."""
        return [self._key(what) for what in ("meta", "history", "latest", "touched", "ended", "ended_at")]

    @cached_property
    def meta(self) -> str:
        return self._key("meta")

    @cached_property
    def history(self) -> str:
        return self._key("history")

    def dedup_key(self, idempotency_key: str) -> str:
        """Remembers the id that a publication with this key was given."""
        return self._key(f"dedup:{idempotency_key}")

    @cached_property
    def job_prefix(self) -> str:
        """A job's record is the hash at this prefix + its download_id."""
        return self._key("job:")

    @cached_property
    def job_keys(self) -> list[str]:
        """KEYS of the job functions behind `flow`, in the order that lua/jobs.lua names them."""
        return [self._key(what) for what in ("jobs", "ready", "leases", "done")]

    @cached_property
    def process_keys(self) -> list[str]:
        """KEYS of the functions about processes, in the order that lua/process_registry.lua names them."""
        return [self._key(what) for what in ("processes", "processes_until", "totals")]

    @cached_property
    def wake(self) -> str:
        """The Pub/Sub channel that tells workers to look: a job is ready, or an owner has a command."""
        return f"{self.pubsub}:wake"
