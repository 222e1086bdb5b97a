"""Events and results of commands, as clients get them."""


def event(offset: int, kind: str, download_id: str = "a", /, **members: object) -> dict[str, object]:
    """Return the event of a download that has a record, at that offset."""
    return _event(offset, "download", kind, download_id, members)


def job_event(offset: int, kind: str, job_id: str = "a", /, **members: object) -> dict[str, object]:
    """Return the event of a job that has a record, at that offset."""
    return _event(offset, "job", kind, job_id, members)


def unowned(event: dict[str, object]) -> dict[str, object]:
    """Return the event as a publisher without a lease has it: no record is behind it."""
    return {name: value for name, value in event.items() if name != "change"}


def _event(offset: int, family: str, kind: str, key: str, members: dict[str, object]) -> dict[str, object]:
    change = {} if kind == "progress" else {"change": offset}
    return {
        "event_id": f"1790000000000-{offset}",
        "type": f"{family}_{kind}",
        f"{family}_id": key,
        **change,
        **members,
    }


def command_result(command: dict[str, str], **members: str) -> dict[str, object]:
    """Return the result of that command."""
    return {"type": "command_result", **command, **members}
