"""Host and port, as they stand in `Host`, in `Origin` (RFC 6454 §7) and in settings."""

from functools import lru_cache
from urllib.parse import urlsplit

from simulcast.model.ip_address import parse_ip_address

PAGE_SCHEMES = frozenset({"http", "https"})
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_BEYOND_HOST_AND_PORT = frozenset("/?#@\\")


@lru_cache(maxsize=128)  # clients of a service name few hosts
def host_and_port(netloc: str, scheme: str) -> tuple[str, int | None]:
    """Split `host:port`; ("", None) for any other text. The port is None where the scheme has no usual one."""
    if not is_unbroken(netloc) or set(netloc) & _BEYOND_HOST_AND_PORT:
        return "", None
    try:
        parts = urlsplit(f"//{netloc}")
        return (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS.get(scheme)
    except ValueError:
        return "", None


def is_unbroken(text: str) -> bool:
    """Return whether it is free of white space and control characters, which urlsplit drops in silence."""
    return text.isprintable() and " " not in text


def is_loopback_origin(origin: str) -> bool:
    """Return whether it is one of pages that are served by this machine."""
    kind, _, netloc = origin.lower().partition("://")
    name = host_and_port(netloc, kind)[0]
    address = parse_ip_address(name)
    return kind in PAGE_SCHEMES and (name == "localhost" or (address is not None and address.is_loopback))
