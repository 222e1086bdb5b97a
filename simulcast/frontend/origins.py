"""The check of `Origin`, without which a page of another site could connect by a visitor's browser. Does no I/O."""

from collections.abc import Collection
from urllib.parse import urlsplit

_BEYOND_HOST_AND_PORT = frozenset("/?#@\\")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def check_origin(origin: str | None, host: str, scheme: str, allowed: Collection[str] = ()) -> str | None:
    """Return why an `Origin` header is refused, or None.

    Programs that are no browsers send none, and pass; so do pages of localhost, of `host` itself and of the origins in
    `allowed`, such as https://app.example.com, or * for any.
    """
    if origin is None or origin in allowed or "*" in allowed:
        return None
    try:
        parts = urlsplit(origin if is_unbroken(origin) else "")
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in ("http", "https") and origin.partition("://")[2] == parts.netloc:  # and nothing behind it
        place = host_and_port(parts.netloc, parts.scheme)
        if place[0] == "localhost" or (place[0] and place == host_and_port(host, parts.scheme)):
            return None
    return f"pages of {origin[:100]!r} may not use this service (served as {scheme}://{host[:100]})"


def host_and_port(netloc: str, scheme: str) -> tuple[str, int | None]:
    """Split `host:port`; ("", None) for any other text."""
    if not is_unbroken(netloc) or set(netloc) & _BEYOND_HOST_AND_PORT:
        return "", None
    try:
        parts = urlsplit(f"//{netloc}")
        return (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS[scheme]
    except ValueError:
        return "", None


def is_unbroken(text: str) -> bool:
    """Return whether it is free of white space and control characters, which urlsplit drops in silence."""
    return text.isprintable() and " " not in text
