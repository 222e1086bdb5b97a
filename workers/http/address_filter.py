"""Which addresses a download may reach: public ones, and what SIMULCAST_ALLOW_NETWORKS names.

Every connection is judged by the address of its socket, before the socket is made: a redirect, and a name that
resolves to another address the second time, are judged like the first.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Networks = tuple[Network, ...]

_PRIVATE = tuple(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291 §2.5.5.1, deprecated
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291 §2.4; the rest of IPv6 is not in public use
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637; ipaddress knows it from Python 3.13 only


def refusal(address: str, allow: Networks) -> str | None:
    """Return why `address` may not be reached, to follow its name in a sentence ("is private"); None if it may.

    `address` is numeric, with a zone (fe80::1%eth0) or without. One that embeds IPv4 addresses is judged by
    them; so the mapped spelling of an allowed IPv4 address is allowed.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "is not a numeric address"
    if _within(parsed, allow):
        return None
    inner = _embedded(parsed)
    if not inner:
        kind = _kind(parsed)
        return None if kind is None else f"is {kind}"
    for hidden in inner:
        kind = None if _within(hidden, allow) else _kind(hidden)
        if kind is not None:
            return f"leads to {hidden}, which is {kind}"
    return None


def _within(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


def _embedded(address: Address) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the IPv4 addresses that packets to this address may end up at; empty if it embeds none."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo  # the relay's server and the client behind it
    number = int(address)
    # ::1 and :: are addresses of their own and not 0.0.0.1 and 0.0.0.0.
    if address in _NAT64 or (address in _COMPATIBLE and number > 1):
        return (ipaddress.IPv4Address(number & 0xFFFFFFFF),)
    if address in _NAT64_LOCAL:
        return _embedded_in_local_nat64(number)
    return ()


def _embedded_in_local_nat64(number: int) -> tuple[ipaddress.IPv4Address, ...]:
    """RFC 6052 §2.2: the low 32 bits after a /96 prefix, or 16 bits on each side of the u octet after a /48.

    An operator may choose either, and lengths between that can't be told apart: those are not guessed.
    """
    if (number >> 32) & (2**48 - 1) == 0:
        return (ipaddress.IPv4Address(number & 0xFFFFFFFF),)
    if number & (2**40 - 1) == 0 and (number >> 56) & 0xFF == 0:
        return (ipaddress.IPv4Address(((number >> 64) & 0xFFFF) << 16 | (number >> 40) & 0xFFFF),)
    return ()


def _kind(address: Address) -> str | None:
    """Return the reason why the address is one of no public host; None for a public one."""
    if address.is_unspecified:
        return "unspecified"
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "a multicast address"
    if _within(address, _PRIVATE):
        return "private"
    if address in _SHARED:
        return "shared by a provider's customers"
    if not address.is_global or address.is_reserved:
        return "reserved"
    if address.version == 6 and (address not in _GLOBAL_UNICAST or address in _DOCUMENTATION):
        return "reserved"
    return None
