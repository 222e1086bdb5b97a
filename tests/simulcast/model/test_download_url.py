"""Which URLs can be downloaded."""

import pytest

from simulcast.model.download_url import MAX_URL_CHARS, validate_url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://me:secret@example.com:8443/a%20b.iso?x=1#y",
        "HTTP://[::1]:80/",
        "http://münchen.example/straße",
        "http://a/".ljust(MAX_URL_CHARS, "x"),
    ],
)
def test_a_web_address_comes_back_as_it_is(url: str) -> None:
    assert validate_url(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must begin with http"),
        ("secret.example/x", "must begin with http"),
        ("ftp://secret.example/x", "must begin with http"),
        ("file:///secret", "must begin with http"),
        ("http://", "must name a host"),
        ("http:///secret", "must name a host"),
        ("http://me:secret@:80/x", "must name a host"),
        ("http://secret.example:99999/x", "port is not valid"),
        ("http://me:secret/x", "port is not valid"),
        ("http://[secret/x", "host or port is not valid"),
        ("http://a/secret x", "percent-encode"),
        ("http://a/secret\r\nX: y", "percent-encode"),
        ("http://a/secret\u2028", "percent-encode"),
        ("http://a/secret\udcff", "percent-encode"),
        ("http://a/secret".ljust(MAX_URL_CHARS + 1, "x"), "has 4,097 characters, and may have 4,096"),
    ],
)
def test_any_other_is_refused_for_a_reason_that_shows_nothing_of_it(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refusal:
        validate_url(url)
    assert "secret" not in str(refusal.value)
