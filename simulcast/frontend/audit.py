"""The lines of the log about clients: what they command, at info, and where it is asked for, what they request.

Each line has the same facts as members in JSON, which `simulcast.log_lines` writes.
"""

import logging
from collections.abc import Sequence

from pydantic_core import from_json
from starlette.types import Scope

from simulcast.model.commands import ClientMessage, InvalidCommand, SubscriptionCommand

MAX_CHARS = 200  # of a text that a client chose
_READING = frozenset({"get_download", "list_downloads", "publish"})
_audit = logging.getLogger("simulcast.audit")
_access = logging.getLogger("simulcast.access")


def log_command(command: str, target: str, outcome: str, *, user: str, address: str) -> None:
    """Log a command of a client. `target`: the id of its download or job. `outcome`: accepted, or why it is not."""
    command, target, outcome = (text[:MAX_CHARS] for text in (command, target, outcome))
    fields = {"command": command, "id": target, "outcome": outcome, "user": user, "address": address}
    who = _name(user, address)
    _audit.info("%s %s by %s: %s", command, target or "-", who, outcome, extra={"fields": fields})


def log_message(message: ClientMessage, answer: str, *, user: str, address: str) -> None:
    """Log a message of a WebSocket if it is a command. `answer`: what the client gets, as JSON."""
    if isinstance(message, InvalidCommand | SubscriptionCommand) or message.action in _READING:
        return
    if _audit.isEnabledFor(logging.INFO):
        result = from_json(answer)
        target = result.get("download_id") or result.get("job_id", "")
        outcome = result["status"] + (f": {result['reason']}" if "reason" in result else "")
        log_command(result["action"], target, outcome, user=user, address=address)


def log_request(scope: Scope, status: int, size: int, seconds: float) -> None:
    """Log a request of HTTP. `status`: 0 for one whose client left before the response; `size`: of its body, in bytes.

    The query is left out: it may carry what does not belong into a log.
    """
    user, (address, _) = (scope.get("state") or {}).get("user", ""), scope.get("client") or ("", 0)
    method, path = scope["method"], scope["path"][:MAX_CHARS]
    fields = {"method": method, "path": path, "status": status, "bytes": size, "seconds": round(seconds, 4)}
    fields |= {"user": user, "address": address}
    who = _name(user, address)
    _access.info("%s %s by %s: %d, %d B, %.4f s", method, path, who, status, size, seconds, extra={"fields": fields})


def log_refusal(path: str, status: int, reason: str, address: str) -> None:
    """Log a WebSocket's handshake that was refused."""
    fields = {"path": path[:MAX_CHARS], "status": status, "reason": reason[:MAX_CHARS], "address": address}
    text = "handshake of %s for %s: refused, %d: %s"
    _access.info(text, _name("", address), path[:MAX_CHARS], status, reason[:MAX_CHARS], extra={"fields": fields})


def log_connection(channels: Sequence[str], seconds: float, *, user: str, address: str) -> None:
    """Log a connection that has ended, `seconds` after the client had joined the channels."""
    if not _access.isEnabledFor(logging.INFO):
        return
    fields = {"channels": channels, "seconds": round(seconds, 1), "user": user, "address": address}
    who = _name(user, address)
    _access.info("connection of %s to %s: %.1f s", who, ",".join(channels), seconds, extra={"fields": fields})


def _name(user: str, address: str) -> str:
    address = address or "this machine"
    return f"{user} ({address})" if user else address
