"""Hosts that are IP addresses, as they are and as they stand before a port."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=128)  # a handshake asks for its host and its client a few times
def parse_ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address; None for a name, or any other text."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def join_port(host: str, port: int) -> str:
    """Return the host and the port as they stand in a URL: an IPv6 address in brackets (RFC 3986 §3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
