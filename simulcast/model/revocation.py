"""Names of revoked tokens, and the bounds of a revocation."""

from typing import Final, Literal

Kind = Literal["sub", "jti"]
MAX_NAME_CHARS: Final = 255
MAX_REVOKED_S: Final = 10 * 366 * 24 * 3600
REVOKED_S: Final = 30 * 24 * 3600


def revoked_name(kind: Kind, text: str) -> str:
    """Return the name under which tokens of that user, or of that id, are revoked."""
    return f"{kind} {text}"
