"""The fields of a job's record about its part file, so that a successor can go on. No I/O."""

import json
from collections.abc import Mapping

from workers.http.byte_ranges import validate_ranges
from workers.http.response import RemoteFile

# In place of the validator where several connections wrote. It is a weak ETag: a worker of a version that knows nothing
# of `spans`, which would take the part file for a beginning, continues nothing under it. Where such a worker wrote
# afterwards, it is gone, so that no spans of a file that has been made again are believed.
_BY_SPANS = 'W/"spans"'


def to_record(source: RemoteFile) -> dict[str, str]:
    """Return the fields that describe `source`."""
    size = "" if source.total is None else str(source.total)
    more = {"size": size, "modified": source.modified, "mirror": source.mirror}
    if source.done is None:
        return {"etag": source.validator or "", "spans": "", **more}
    return {"etag": _BY_SPANS, "spans": json.dumps({"etag": source.validator, "done": source.done}), **more}


def from_record(fields: Mapping[str, str]) -> RemoteFile | None:
    """Return the file as the owner before was sent it; None where it recorded none."""
    if "etag" not in fields:
        return None
    validator, total, done = fields["etag"] or None, None, None
    try:
        total = int(fields.get("size") or -1)
        if validator == _BY_SPANS:
            spans = json.loads(fields.get("spans", ""))
            done, validator = validate_ranges(spans["done"], total), str(spans["etag"])
            if not done:
                return None
    except (ValueError, KeyError, TypeError):
        return None
    name, modified, mirror = (fields.get(field, "") for field in ("name", "modified", "mirror"))
    return RemoteFile(validator, None if total < 0 else total, name, done, modified, mirror)
