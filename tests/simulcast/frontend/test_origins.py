"""The origins whose pages may connect."""

import pytest

from simulcast.frontend.origins import check_origin, is_allowed_origin


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
        ("http://127.0.0.1:5173", "192.168.1.20:8080", "ws"),
        ("http://[::1]:3000", "example.com", "http"),
    ],
)
def test_same_origin_localhost_and_none_pass(origin: str | None, host: str, scheme: str) -> None:
    assert check_origin(origin, host, scheme) is None


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
    assert check_origin(origin, "192.168.1.20:8080", "http") is not None


def test_an_origin_that_the_application_allows_passes_and_its_neighbours_do_not() -> None:
    allowed = ["https://app.example.com"]
    assert check_origin("https://app.example.com", "api.example.com", "wss", allowed) is None
    for origin in ("http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.example"):
        assert check_origin(origin, "api.example.com", "wss", allowed) is not None
    assert check_origin("https://anywhere.example", "api.example.com", "wss", ["*"]) is None


@pytest.mark.parametrize(
    ("pattern", "passes", "refused"),
    [
        ("https://app.example.com", "https://APP.example.com:443", "https://app.example.com:444"),
        ("http://build.example.com:*", "http://build.example.com:5173", "https://build.example.com:5173"),
        ("http://build.example.com:*", "http://build.example.com", "http://xbuild.example.com"),
        ("http://build.example.com:8000", "http://build.example.com:8000", "http://build.example.com"),
        ("capacitor://localhost", "capacitor://localhost", "ionic://localhost"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef", "chrome-extension://abcdefg"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", "https://[2001:db8::2]:8443"),
        ("https://app.example.com:*", "https://app.example.com:1", "https://app.example.com:*"),
        ("https://app.example.com", "https://app.example.com", "https://app.example.com/"),
        ("https://app.example.com", "https://app.example.com", "null"),
    ],
)
def test_a_pattern_lets_in_its_origin_in_any_spelling_and_no_other(pattern: str, passes: str, refused: str) -> None:
    assert is_allowed_origin(passes, [pattern])
    assert not is_allowed_origin(refused, [pattern])
    assert "SIMULCAST_ALLOWED_ORIGINS" in (check_origin(refused, "api.example.com", "http", [pattern]) or "")
