import pytest

from app.access.hosts import host_refused, origin_refused


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "192.168.1.20:8080", "10.0.2.2"],
)
def test_localhost_and_addresses_pass_as_hosts(host: str) -> None:
    assert host_refused(host, frozenset()) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8080",
        "",
        "localhost@evil.example",
        "127.0.0.1.evil",
        "a:b",
    ],
)
def test_other_names_are_refused_unless_they_are_listed(host: str) -> None:
    assert "SIMULCAST_ALLOWED_HOSTS" in (host_refused(host, frozenset({"example.com"})) or "")


def test_names_that_are_listed_pass() -> None:
    assert host_refused("Example.com:443", frozenset({"example.com"})) is None
    assert host_refused("anything", frozenset({"*"})) is None


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (None, "localhost:8080", "ws"),
        ("http://localhost:8080", "localhost:8080", "ws"),
        ("http://localhost:54321", "192.168.1.20:8080", "ws"),
        ("https://localhost", "localhost:8080", "ws"),
        ("http://192.168.1.20:8080", "192.168.1.20:8080", "ws"),
        ("https://example.com", "example.com", "ws"),
        ("http://example.com", "example.com:80", "http"),
        ("http://[::1]:8080", "[::1]:8080", "http"),
        ("http://EXAMPLE.com", "example.com", "http"),
    ],
)
def test_same_origin_localhost_and_none_pass(origin: str | None, host: str, scheme: str) -> None:
    assert origin_refused(origin, host, scheme) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://evil.example/localhost",
        "http://localhost@evil.example",
        "http://localhost:8080@evil.example",
        "http://192.168.1.20",
        "http://192.168.1.20:8081",
        "https://192.168.1.20.evil.example:8080",
        "file://",
        "chrome-extension://localhost",
        "http://[::1",
        "http://localhost/path",
        "localhost",
    ],
)
def test_foreign_null_and_look_alike_origins_are_refused(origin: str) -> None:
    assert origin_refused(origin, "192.168.1.20:8080", "http") is not None
