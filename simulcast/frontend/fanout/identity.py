"""Identities of changes of state, by which a front-end knows those that are published again after a failover."""

import re
from typing import Final

from simulcast.model.publication import Publication

Identity = tuple[str, str]  # of a change of state: its key, and its label or idempotency mark
_COUNTED: Final = re.compile(r"[se]:(?:download|job)_(\w+):(\d+):(\d+)")
_LASTING: Final = frozenset({"complete", "error", "cancelled", "deleted"})


def identity_of(publication: Publication) -> Identity | None:
    """Return what a repetition has in common with the first; None for events that are delivered each time."""
    if publication.dedup_id:
        return publication.key, publication.dedup_id
    is_counted = publication.label[0] in "se" and not publication.label.endswith(":")
    return (publication.key, publication.label) if is_counted else None


def change_of(identity: Identity) -> int:
    """Return the number of a change of state of an owned download, which rises with time; 0 of another event."""
    match = _COUNTED.fullmatch(identity[1])
    return int(match[3]) if match else 0


def lasting_state(identity: Identity) -> tuple[str, str] | None:
    """Return attempt and state, of a state in which a download without an owner stays; None of another event."""
    match = _COUNTED.fullmatch(identity[1])
    return (match[2], match[1]) if match and match[1] in _LASTING else None
