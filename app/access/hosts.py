"""Which `Host` and `Origin` may connect and post. Decides; does no I/O.

Without these checks a page of another site could use a visitor's browser to reach a service on the visitor's own
machine: by a cross-site WebSocket, a form post, or a name that is rebound to 127.0.0.1.
"""

import ipaddress
from collections.abc import Container
from urllib.parse import urlsplit

_BEYOND_HOST_AND_PORT = frozenset("/?#@\\")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def host_refused(host: str, allowed: Container[str]) -> str | None:
    """Why a `Host` header is refused, or None. IP addresses and localhost pass: they can't be rebound."""
    name = _host_and_port(host, "http")[0]
    if name == "localhost" or name in allowed or "*" in allowed or _is_address(name):
        return None
    return (
        f"the service is not known as {name[:100]!r}: name it in SIMULCAST_ALLOWED_HOSTS if it is reached by that name"
    )


def origin_refused(origin: str | None, host: str, scheme: str) -> str | None:
    """Why an `Origin` header is refused, or None. None at all passes: dart:io and other programs send none."""
    if origin is None:
        return None
    try:
        parts = urlsplit(origin if _is_unbroken(origin) else "")
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in ("http", "https") and origin.partition("://")[2] == parts.netloc:  # and nothing behind it
        found = _host_and_port(parts.netloc, parts.scheme)
        if found[0] == "localhost" or (found[0] and found == _host_and_port(host, parts.scheme)):
            return None
    return f"pages of {origin[:100]!r} may not use this service (served as {scheme}://{host[:100]})"


def _host_and_port(netloc: str, scheme: str) -> tuple[str, int | None]:
    """("", None) for what is no host and port."""
    if not _is_unbroken(netloc) or set(netloc) & _BEYOND_HOST_AND_PORT:
        return "", None
    try:
        parts = urlsplit(f"//{netloc}")
        return (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS[scheme]
    except ValueError:
        return "", None


def _is_unbroken(text: str) -> bool:
    """Without what urlsplit drops in silence: white space and control characters."""
    return text.isprintable() and " " not in text


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
