"""Addresses of clients, as limits count them."""

import ipaddress

from simulcast.model.ip_address import parse_ip_address


def address_key(host: str | None) -> str:
    """Return the key under which a client counts: an IPv6 client has its /64, in which it may have any address.

    "" for this machine's own clients, and for what is no address, such as a socket's path: neither is limited.
    """
    address = parse_ip_address((host or "").partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address is None or address.is_loopback:
        return ""
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))
