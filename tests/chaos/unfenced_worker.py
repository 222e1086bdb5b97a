"""A worker on a library whose fence is open: the control that must fail. `python -m tests.chaos.unfenced_worker`."""

from unittest import mock

from simulcast.store import functions
from workers.__main__ import main

FENCE = "if owner ~= token then return false end"
RENEWAL = "if owner == token then"


def unfenced() -> str:
    """The library without its two token checks; fails when they can't be found."""
    text = functions._body()
    for check in (FENCE, RENEWAL):
        assert check in text, check
    return text.replace(FENCE, "").replace(RENEWAL, "if true then")


if __name__ == "__main__":
    with mock.patch.object(functions, "_body", return_value=unfenced()):
        functions.library_hash()  # both are cached from here on
        functions.code()
    main()
