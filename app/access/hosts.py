"""The check of `Host`, without which a name that is rebound to 127.0.0.1 could reach this machine's service."""

from collections.abc import Container

from simulcast.model.ip_address import parse_ip_address
from simulcast.model.origin import host_and_port


def check_host(host: str, allowed: Container[str]) -> str | None:
    """Return why a `Host` header is refused, or None. IP addresses and localhost pass: they can't be rebound."""
    name = host_and_port(host, "http")[0]
    if name == "localhost" or name in allowed or "*" in allowed or parse_ip_address(name) is not None:
        return None
    return (
        f"the service is not known as {name[:100]!r}: name it in SIMULCAST_ALLOWED_HOSTS if it is reached by that name"
    )
