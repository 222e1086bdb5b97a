"""A worker's lease on a job, and the state that the job is to have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from simulcast.model.job_record import JobRecord

Desired = Literal["running", "paused", "cancelled", "queued", "lost"]
ReleaseState = Literal["complete", "error", "paused", "cancelled", "queued"]
_OWNER_STATES: tuple[Desired, ...] = ("running", "paused", "cancelled", "queued")


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease on one job. The whole token proves the ownership.

    `fields`: the stored record, with the fields that only workers read; `url` and `options` may hold secrets.
    """

    token: str
    record: JobRecord
    fields: Mapping[str, str] = field(repr=False)

    @property
    def traceparent(self) -> str:
        """The cause of the submission, "" where it is unknown."""
        return self.fields.get("traceparent", "")


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The desired state of an owned job: go on (`running`), or end the lease by `Jobs.finish` with that state.

    `queued`: a fresh link waits for the next claim. `lost`: the lease is another's; stop, and touch and report nothing.
    `limit_bytes_per_s`: None for no limit.
    """

    desired: Desired
    limit_bytes_per_s: int | None = None

    @classmethod
    def parse(cls, status: str) -> Self:
        """Read the reply of lua/leases.lua for one lease. A state of a newer version is as good as lost."""
        desired, _, limit = status.partition(" ")
        for state in _OWNER_STATES:
            if desired == state:
                return cls(state, int(limit) if limit else None)
        return cls("lost")
