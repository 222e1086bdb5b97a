"""JSON objects whose members are left out or kept to the letter, as reading and writing them anew would not."""

import json
import re

_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n]*[:,]?[ \t\r\n]*")
# Numbers are not looked at: one of 5,000 digits is JSON, and none that Python would read.
_read = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


def drop_member(payload: bytes, name: str) -> bytes:
    """The object without its members of that name, however they are spelled. What is no JSON object stays as it is.

    `payload`: UTF-8 that begins with a brace. Of what is nested too deep to be read nothing is left.
    """
    text = payload.decode()
    kept = []
    try:
        at = _skip(_SPACE, text, 1)
        while text[at] != "}":
            start = at
            member, at = _read(text, at)
            _, at = _read(text, _skip(_BETWEEN, text, at))
            if member != name:
                kept.append(text[start:at])
            at = _skip(_BETWEEN, text, at)
    except (ValueError, IndexError):
        return payload
    except RecursionError:
        return b"{}"
    return b"{%b}" % ",".join(kept).encode()


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
