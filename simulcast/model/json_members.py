"""Members of a JSON object, dropped or members to the letter, which parsing and encoding again would not do."""

import json
import re

_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n]*[:,]?[ \t\r\n]*")
# Numbers stay text: one of 5,000 digits is JSON, and Python refuses to parse it.
_read = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


def drop_member(payload: bytes, name: str) -> bytes:
    """Return the object without its members of that name, however spelled. Text that is no JSON object is unchanged.

    `payload`: UTF-8 that begins with a brace. An object nested too deep to be parsed becomes `{}`.
    """
    text = payload.decode()
    members = []
    try:
        at = _skip(_SPACE, text, 1)
        while text[at] != "}":
            start = at
            member, at = _read(text, at)
            _, at = _read(text, _skip(_BETWEEN, text, at))
            if member != name:
                members.append(text[start:at])
            at = _skip(_BETWEEN, text, at)
    except (ValueError, IndexError):
        return payload
    except RecursionError:
        return b"{}"
    return b"{%b}" % ",".join(members).encode()


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
