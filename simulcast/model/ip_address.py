"""Hosts that are IP addresses."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=128)  # a handshake asks for its host and its client a few times
def parse_ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address; None for a name, or any other text."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
