"""The form of a line of the log."""

import json
import logging
import os
from datetime import UTC, datetime

import pytest

from simulcast.log_lines import JSONFormatter, TextFormatter, harmless
from tests.programs import LINE

FORMS = pytest.mark.parametrize("formatter", [TextFormatter("worker"), JSONFormatter("worker")], ids=["text", "json"])


def record(text: str, *values: object, error: Exception | None = None, **members: object) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("simulcast.x", logging.WARNING, "", 0, text, values, exc_info)
    made.__dict__.update(members)
    return made


def raised(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_a_line_has_date_zone_level_program_process_and_logger() -> None:
    line = TextFormatter("worker").format(record("complete: %s", "12345"))
    assert LINE.fullmatch(line), line
    time, rest = line.split(" ", 1)
    said_at = datetime.fromisoformat(time)
    assert said_at.utcoffset() is not None and abs((datetime.now(UTC) - said_at).total_seconds()) < 60
    assert rest == f"WARNING worker[{os.getpid()}] simulcast.x: complete: 12345"


def test_a_line_of_json_has_the_same_and_the_members_of_its_record() -> None:
    line = json.loads(JSONFormatter("front-end").format(record("said", fields={"command": "pause_download"})))
    assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
    assert line.pop("host")
    assert line == {
        "level": "warning",
        "program": "front-end",
        "pid": os.getpid(),
        "logger": "simulcast.x",
        "message": "said",
        "command": "pause_download",
    }


@FORMS
def test_nobody_can_forge_a_line_or_colour_it(formatter: logging.Formatter) -> None:
    text = formatter.format(record("no download %s", "1\n2026-11-30 \x1b[31m\u2028\u202e\ud800é"))
    assert text.isprintable()
    assert r"\n2026-11-30 " in text.replace(r"\\", "\\")


@FORMS
def test_an_error_is_shown_with_its_traceback(formatter: logging.Formatter) -> None:
    text = formatter.format(record("failed", error=raised("this one")))
    assert "Traceback" in text and "ValueError: this one" in text


SECRETS = [
    "can't reach redis://user:SECRET@host:6379/0",
    "proxy http://u:SECRET@p:3128 of https://h/@scope/x",
    "redis+sentinel://:SECRET@a,b/master",
    "{'Authorization': 'Bearer SECRET'}",
    "[(b'authorization', b'Basic SECRET')]",
    "authorization: Digest username=SECRET, nonce=SECRET",
    "Proxy-Authorization: Basic SECRET",
    "sent Bearer SECRET1.x-y",
    "token eyJhbGciOiJIUzI1NiJ9.SECRET.SECRET was refused",
]


@FORMS
@pytest.mark.parametrize("text", SECRETS)
def test_no_line_and_no_traceback_shows_a_credential(formatter: logging.Formatter, text: str) -> None:
    for line in (formatter.format(record("%s", text)), formatter.format(record("failed", error=raised(text)))):
        assert "SECRET" not in line
        assert text[:4] in line


@pytest.mark.parametrize("text", ["https://h/a?b=c@d", "the basic configuration", "https://h/@scope/x", "é ü"])
def test_other_text_stays(text: str) -> None:
    assert harmless(text) == text
