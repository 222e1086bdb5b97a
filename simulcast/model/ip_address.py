"""Hosts that are IP addresses."""

import ipaddress


def parse_ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address; None for a name, or any other text."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
