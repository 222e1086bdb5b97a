"""Events and results of commands, as clients get them."""


def event(offset: int, kind: str, download_id: str = "a", **members: object) -> dict[str, object]:
    """Return the event of a download at that offset."""
    return {
        "event_id": f"1790000000000-{offset}",
        "type": f"download_{kind}",
        "download_id": download_id,
        **members,
    }


def command_result(command: dict[str, str], **members: str) -> dict[str, object]:
    """Return the result of that command."""
    return {"type": "command_result", **command, **members}
