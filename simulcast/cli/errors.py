"""Errors of commands, in words for their user, and as exit codes and JSON for scripts.

CommandError
├── ServiceUnavailable   nothing answers, or it is not ready: the same command may succeed later
└── TokenRefused         a token is missing, not valid, or does not allow that
"""

import json

from simulcast.errors import BrokerUnavailable, CommandError, NotPermitted, SimulcastError

FAILED, WRONG_USAGE, UNAVAILABLE, NOT_ALLOWED = 1, 2, 3, 4
CODES = {FAILED: "failed", WRONG_USAGE: "usage", UNAVAILABLE: "unavailable", NOT_ALLOWED: "not_allowed"}
EXIT_CODES = (
    "Exit codes: 0 done; 1 failed, or refused in part; 2 wrong usage; 3 nothing answers, or it is not ready: "
    "try again; 4 a token, or the user of Redis, does not allow that."
)


class ServiceUnavailable(CommandError):
    """Nothing answers, or it is not ready."""


class TokenRefused(CommandError):
    """A token is missing, not valid, or does not allow that."""


def exit_code(error: SimulcastError) -> int:
    """Return the exit code of a command that failed with this error."""
    match error:
        case TokenRefused() | NotPermitted():
            return NOT_ALLOWED
        case ServiceUnavailable() | BrokerUnavailable():
            return UNAVAILABLE
        case _:
            return FAILED


def error_json(code: int, message: str, **members: object) -> str:
    """Return an error as one line of JSON. `code`: the exit code that stands for it."""
    return json.dumps({"error": CODES[code], **members, "message": message})


def first_user_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of several tasks that is meant for the user, else the group."""
    error: BaseException | None = group.subgroup(SimulcastError)
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error or group
