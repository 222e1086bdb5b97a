"""What a job's record says of its part file, so that a successor can go on. No I/O."""

import json
from collections.abc import Mapping

from workers.http.byte_ranges import validate_ranges
from workers.http.response import RemoteFile

# Stands for the ETag where several connections wrote. It is a weak one: a worker of a version that knows nothing of
# `spans`, which would take what is there for a beginning, continues nothing under it. And where such a worker wrote
# afterwards, it isn't there any more, so nobody believes spans of a file that has been made anew.
_BY_SPANS = 'W/"spans"'


def to_record(source: RemoteFile) -> dict[str, str]:
    """What is noted of a source."""
    size = "" if source.total is None else str(source.total)
    if source.done is None:
        return {"etag": source.etag or "", "size": size, "spans": ""}
    return {"etag": _BY_SPANS, "size": size, "spans": json.dumps({"etag": source.etag, "done": source.done})}


def from_record(fields: Mapping[str, str]) -> RemoteFile | None:
    """What the owner before was sent, if that lets the next one go on."""
    etag, size = fields.get("etag"), fields.get("size")
    total = int(size) if size else None
    if etag != _BY_SPANS:
        return RemoteFile(etag, total) if etag else None
    try:
        found = json.loads(fields.get("spans", ""))
        done = validate_ranges(found["done"], total or 0)
        return RemoteFile(str(found["etag"]), total, fields.get("name", ""), done) if done else None
    except (ValueError, KeyError, TypeError):
        return None
