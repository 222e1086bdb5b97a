import pytest

from app.access.hosts import check_host
from simulcast.settings.front_end import FrontEndSettings


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "192.168.1.20:8080", "10.0.2.2"],
)
def test_localhost_and_addresses_pass_as_hosts(host: str) -> None:
    assert check_host(host, frozenset()) is None


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
    assert "SIMULCAST_ALLOWED_HOSTS" in (check_host(host, frozenset({"example.com"})) or "")


def test_names_that_are_listed_pass() -> None:
    assert check_host("Example.com:443", frozenset({"example.com"})) is None
    assert check_host("anything", frozenset({"*"})) is None


@pytest.mark.parametrize("text", ["app.example.com", "APP.example.com", "127.0.0.1", "[::1]", "*"])
def test_names_of_hosts_are_settings(text: str) -> None:
    assert FrontEndSettings(allowed_hosts=(text,)).allowed_hosts == (text.lower(),)


@pytest.mark.parametrize("text", ["https://app.example.com", "app.example.com:8080", "app.example.com.", "a b", "a/b"])
def test_what_no_request_would_match_is_refused_by_the_setting(text: str) -> None:
    with pytest.raises(ValueError, match="without scheme, port and path"):
        FrontEndSettings(allowed_hosts=(text,))
