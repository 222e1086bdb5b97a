"""The form of a line of the log: for people, or as JSON. No control character and no credential is in it."""

import json
import logging
import os
import re
import socket
import traceback
from datetime import datetime

# Credentials behind what gives them away: of a URL, of a header or its scheme, and a JSON Web Token.
_CREDENTIALS = re.compile(
    r"(\w://)[^\s/?#]*(?=@)"
    r"|(\bauthorization['\"]?[:=,] *b?['\"]?)[^'\"\n]+"
    r"|(\b(?:bearer|basic) +)(?=\S*\d)[\w.~+/=-]{8,}"
    r"|(\beyJ)[\w-]+\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)


def harmless(text: str) -> str:
    """Return the text on one line, without credentials. A character that is not seen is shown as in Python's source."""
    text = without_credentials(text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def without_credentials(text: str) -> str:
    """Replace users and passwords of URLs, values of the header Authorization, and tokens."""
    return _CREDENTIALS.sub(lambda match: f"{match[match.lastindex or 0]}…", text)


def iso_time(record: logging.LogRecord) -> str:
    """Return the record's time with its date and its distance from UTC (ISO 8601)."""
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


def traceback_of(record: logging.LogRecord) -> str:
    """Return the traceback of the record's error, "" for none."""
    error = record.exc_info[1] if record.exc_info else None
    return "" if error is None else without_credentials("".join(traceback.format_exception(error)).rstrip())


class TextFormatter(logging.Formatter):
    """`2026-11-30T15:04:05.678+00:00 INFO    worker[17] simulcast.worker: complete: 12345`, and a traceback below."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = f"{program}[{os.getpid()}]"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and those of a traceback."""
        head = f"{iso_time(record)} {record.levelname:<7} {self._program} {record.name}"
        error = traceback_of(record)
        return f"{head}: {harmless(record.getMessage())}" + (f"\n{error}" if error else "")


class JSONFormatter(logging.Formatter):
    """One JSON object a line. Members of its own that a record has as `fields` are among them."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._process = {"program": program, "pid": os.getpid(), "host": socket.gethostname()}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {"time": iso_time(record), "level": record.levelname.lower(), **self._process}
        line |= {"logger": record.name, "message": harmless(record.getMessage()), **getattr(record, "fields", {})}
        if error := traceback_of(record):
            line["traceback"] = error
        return json.dumps(line, separators=(",", ":"))
