"""Which proxies are trusted, and which address they name."""

import pytest

from app.server.proxies import Proxies


@pytest.mark.parametrize(
    ("host", "is_proxy"),
    [
        ("127.0.0.1", True),
        ("10.200.0.1", True),
        ("2001:db8::7", True),
        ("192.0.2.1", False),
        ("::1", False),
        ("localhost", False),
        ("", False),
        (None, False),
        ("1" * 10_000, False),
    ],
)
def test_proxies_are_addresses_and_networks(host: str | None, is_proxy: bool) -> None:
    assert (host in Proxies(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])) is is_proxy


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("192.0.2.1", "203.0.113.1", "192.0.2.1"),
        ("127.0.0.1", "203.0.113.1:5000", "203.0.113.1"),
        ("127.0.0.1", "[2001:db8::7]:5000", "2001:db8::7"),
        ("127.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.1, 127.0.0.1", "203.0.113.1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(peer: str, forwarded: str, client: str) -> None:
    assert Proxies(["127.0.0.1"]).client(peer, forwarded) == client


@pytest.mark.parametrize(
    ("peer", "forwarded", "is_secure"),
    [
        ("127.0.0.1", "https", True),
        ("127.0.0.1", "wss", True),
        ("127.0.0.1", "http", False),
        ("192.0.2.1", "wss", False),
    ],
)
def test_only_a_proxy_knows_of_tls(peer: str, forwarded: str, is_secure: bool) -> None:
    assert Proxies(["127.0.0.1"]).is_secure(peer, forwarded) is is_secure
