"""Messages printed for debugging, without the secrets in those that are sent."""

import re
import sys

_SECRET = re.compile(r'"(token|bearer|password|proxy|headers)":("(?:[^"\\]|\\.)*"|\{(?:"(?:[^"\\]|\\.)*"|[^"}])*\})')


def print_sent(text: str, is_wanted: bool) -> None:
    """Print a message to the server on the standard error, if that is wanted."""
    if is_wanted:
        shown = _SECRET.sub(r'"\1":"…"', text)
        print(f"gateway > {shown}", file=sys.stderr, flush=True)


def print_received(text: str, is_wanted: bool) -> None:
    """Print a message of the server on the standard error, if that is wanted."""
    if is_wanted:
        print(f"gateway < {text}", file=sys.stderr, flush=True)
