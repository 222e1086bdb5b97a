"""Which addresses may be reached, in every way to write them."""

import ipaddress

import pytest

from workers.http.address_filter import Networks, refusal

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b:1:808:8:800::",
    "2002:808:808::1",
    "2001:0:808:808:0:0:f7f7:f7f7",
    "2606:4700:4700::1111%eth0",
]

REFUSED = [
    ("127.0.0.1", "is a loopback address"),
    ("127.255.255.254", "is a loopback address"),
    ("10.0.0.1", "is private"),
    ("172.16.0.1", "is private"),
    ("172.31.255.255", "is private"),
    ("192.168.0.1", "is private"),
    ("169.254.169.254", "is link-local"),
    ("100.64.0.1", "is shared by a provider's customers"),
    ("100.127.255.255", "is shared by a provider's customers"),
    ("0.0.0.0", "is unspecified"),
    ("0.1.2.3", "is reserved"),
    ("192.0.0.1", "is reserved"),
    ("192.0.2.1", "is reserved"),
    ("198.18.0.1", "is reserved"),
    ("198.51.100.1", "is reserved"),
    ("203.0.113.1", "is reserved"),
    ("224.0.0.1", "is a multicast address"),
    ("239.255.255.255", "is a multicast address"),
    ("240.0.0.1", "is reserved"),
    ("255.255.255.255", "is reserved"),
    ("::", "is unspecified"),
    ("::1", "is a loopback address"),
    ("::1%lo", "is a loopback address"),
    ("fe80::1", "is link-local"),
    ("fe80::1%eth0", "is link-local"),
    ("fec0::1", "is reserved"),
    ("fc00::1", "is private"),
    ("fd00:ec2::254", "is private"),
    ("ff02::1", "is a multicast address"),
    ("ff0e::1", "is a multicast address"),
    ("2001:db8::1", "is reserved"),
    ("3fff::1", "is reserved"),
    ("5f00::1", "is reserved"),
    ("100::1", "is reserved"),
    ("4000::1", "is reserved"),
    ("::ffff:127.0.0.1", "leads to 127.0.0.1, which is a loopback address"),
    ("::ffff:127.0.0.1%eth0", "leads to 127.0.0.1, which is a loopback address"),
    ("::ffff:a00:1", "leads to 10.0.0.1, which is private"),
    ("::ffff:0.0.0.0", "leads to 0.0.0.0, which is unspecified"),
    ("::127.0.0.1", "leads to 127.0.0.1, which is a loopback address"),
    ("::2", "leads to 0.0.0.2, which is reserved"),
    ("::ffff:0:127.0.0.1", "is reserved"),
    ("64:ff9b::127.0.0.1", "leads to 127.0.0.1, which is a loopback address"),
    ("64:ff9b::a9fe:a9fe", "leads to 169.254.169.254, which is link-local"),
    ("64:ff9b:1::10.0.0.1", "leads to 10.0.0.1, which is private"),
    ("64:ff9b:1:7f00:0:100::", "leads to 127.0.0.1, which is a loopback address"),
    ("64:ff9b:1:808:8:800::1", "is reserved"),
    ("64:ff9b:1:7f00:0:100:808:808", "is reserved"),
    ("64:ff9b:2::8.8.8.8", "is reserved"),
    ("2002:7f00:1::", "leads to 127.0.0.1, which is a loopback address"),
    ("2002:c0a8:101::1", "leads to 192.168.1.1, which is private"),
    ("2001:0:7f00:1::f7f7:f7f7", "leads to 127.0.0.1, which is a loopback address"),
    ("2001:0:808:808::80ff:fffe", "leads to 127.0.0.1, which is a loopback address"),
    ("localhost", "is not a numeric address"),
    ("127.1", "is not a numeric address"),
    ("2130706433", "is not a numeric address"),
    ("", "is not a numeric address"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_reached(address: str) -> None:
    assert refusal(address, ()) is None


@pytest.mark.parametrize(("address", "why"), REFUSED)
def test_any_other_address_is_refused_by_its_kind(address: str, why: str) -> None:
    assert refusal(address, ()) == why


def networks(*texts: str) -> Networks:
    return tuple(ipaddress.ip_network(text) for text in texts)


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("127.0.0.1", networks("127.0.0.0/8")),
        ("::ffff:127.0.0.1", networks("127.0.0.0/8")),
        ("::ffff:7f00:1", networks("::1/128", "127.0.0.1/32")),
        ("64:ff9b::10.0.0.1", networks("10.0.0.0/8")),
        ("::1", networks("::1/128")),
        ("fe80::1%eth0", networks("fe80::/10")),
        ("fd00::5", networks("fd00::/8")),
        ("64:ff9b:1:abcd::10.0.0.1", networks("64:ff9b:1:abcd::/96")),
        ("10.0.0.1", networks("0.0.0.0/0")),
    ],
)
def test_what_is_in_an_allowed_network_may_be_reached(address: str, allow: Networks) -> None:
    assert refusal(address, allow) is None


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("127.0.0.1", networks("10.0.0.0/8", "::1/128", "fe80::/10")),
        ("::1", networks("127.0.0.0/8")),
        ("::ffff:127.0.0.1", networks("10.0.0.0/8")),
        ("10.0.1.0", networks("10.0.0.0/24")),
        ("2001:0:7f00:1::80ff:fffe", networks("127.0.0.1/32", "2001:db8::/32")[1:]),
        ("2001:0:a00:1::80ff:fffe", networks("10.0.0.0/8")),
    ],
)
def test_an_allowed_network_opens_no_other(address: str, allow: Networks) -> None:
    assert refusal(address, allow) is not None
