"""The golden messages in docs/contract/: one a file, the exact bytes on the wire, named `<kind>.<which>.json`.

And the handshake of the Flutter app.
"""

import json

from simulcast.model.position import Position
from simulcast.model.publication import with_event_id
from tests.service import ROOT

FOLDER = ROOT / "docs/contract"
_EPOCH = 1790000000000


def _read(direction: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((FOLDER / direction).glob("*.json"))}


FROM_SERVER = _read("from_server")
FROM_CLIENT = _read("from_client")
HANDSHAKE = (FOLDER / "handshake.txt").read_bytes()  # of the unchanged Flutter app


def kind_of(name: str) -> str:
    """Return the type or action, which stands before the first dot of a file's name."""
    return name.partition(".")[0]


def parse_members(message: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(message)
    return found


def kept(offset: int, payload: bytes) -> bytes:
    """Return an event of the history as its client gets it, in the epoch of the examples."""
    return with_event_id(Position(_EPOCH, offset), payload)


WITH_TROUBLE = [
    "download_queued",
    "download_started",
    "download_paused",
    "download_queued.by_command",
    "download_resumed",
    "download_paused.by_command",
    "",  # queued and resumed once more
    "",
    "download_error.by_worker",
    "download_queued.again",
    "download_cancelled",
    "download_deleted",
]

TO_THE_END = ["download_queued", "download_started", "download_progress.by_worker", "download_complete.by_worker"]

PUT_OFF = ["download_queued", "download_started", "download_queued.retried"]

OVERTAKEN = ["", "", "download_complete.overtaken"]

DROPPED = ["", "", "", "", "", "", "download_deleted.too_many"]

JOB_TO_THE_END = ["job_queued", "job_started", "job_progress", "job_complete"]

JOB_WITH_TROUBLE = ["", "job_queued.retried", "", "job_error", "", "job_cancelled", "job_deleted"]

# Answers to requests, by the example of the request.
ANSWERED = {
    "command_result.added_by_id": "add_download.by_id",
    "command_result.added_again_by_id": "add_download.by_id",
    "command_result.conflict_by_id": "add_download.with_options",
    "command_result.download_by_id": "get_download.by_id",
    "command_result.no_download_by_id": "get_download.by_id",
    "command_result.downloads_by_id": "list_downloads.by_id",
    "command_result.published_by_id": "publish.by_id",
    "command_result.not_allowed_by_id": "publish.by_id",
}

TOLD = {*WITH_TROUBLE, *TO_THE_END, *PUT_OFF, *OVERTAKEN, *DROPPED, *JOB_TO_THE_END, *JOB_WITH_TROUBLE} - {""}
