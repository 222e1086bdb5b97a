"""The address of a Gateway's server, from its options."""

import pytest

from app.server.connection import MAX_HEADER_BYTES
from simulcast.frontend.subscriptions.options import MAX_CHANNELS_PER_CONNECTION
from simulcast.gateway import Gateway
from simulcast.gateway.address import ServerAddress
from simulcast.gateway.resume_position import ResumePosition


def test_host_and_port_make_the_url_of_the_service() -> None:
    assert ServerAddress.from_host("localhost", 8080).url == "ws://localhost:8080/ws"
    assert ServerAddress.from_host("::1", 9000).url == "ws://[::1]:9000/ws"


@pytest.mark.parametrize(
    ("url", "scheme"),
    [("http://localhost:8080/ws", "http"), ("localhost:8080/ws", "localhost"), ("/ws", ""), ("", "")],
)
def test_a_wrong_scheme_is_an_error_that_names_it(url: str, scheme: str) -> None:
    with pytest.raises(ValueError, match=f"ws:// or wss://.* '{scheme}'"):
        Gateway(url=url)


@pytest.mark.parametrize("url", ["ws:///ws", "ws://host:99999/ws", "ws://host/ws#part", "ws://name@host/ws"])
def test_a_url_that_makes_no_sense_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Gateway(url=url)


def test_since_joins_the_query_that_is_there() -> None:
    address = ServerAddress("wss://host/base/ws?channel=a%20b&interval_ms=1000")
    assert address.resuming_after("7-3") == "wss://host/base/ws?channel=a%20b&interval_ms=1000&since=7-3"


def test_since_replaces_the_one_that_the_url_had() -> None:
    address = ServerAddress("ws://host/ws?since=7-1&x=1")
    assert address.resuming_after(None) == "ws://host/ws?since=7-1&x=1"
    assert address.resuming_after("7-3") == "ws://host/ws?x=1&since=7-3"


def test_since_is_percent_encoded() -> None:
    assert ServerAddress("ws://host/ws").resuming_after("a&b c/é-1") == "ws://host/ws?since=a%26b%20c%2F%C3%A9-1"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("ws://host/ws", b"GET /health HTTP/1.1"),
        ("ws://host", b"GET /health HTTP/1.1"),
        ("wss://host/base/ws?a=1", b"GET /base/health HTTP/1.1"),
        ("wss://host/base/ws/", b"GET /base/health HTTP/1.1"),
    ],
)
def test_health_is_asked_beside_the_websocket(url: str, line: bytes) -> None:
    assert ServerAddress(url).health_request().split(b"\r\n")[0] == line


def test_health_is_asked_with_the_host_and_the_credentials_of_the_url() -> None:
    lines = ServerAddress("ws://name:word@[::1]:8080/ws").health_request().split(b"\r\n")
    assert b"Host: [::1]:8080" in lines
    assert b"Authorization: Basic bmFtZTp3b3Jk" in lines


def test_an_address_in_a_log_shows_no_secrets() -> None:
    assert str(ServerAddress("wss://name:word@host/base/ws?token=secret")) == "wss://host/base/ws"
    assert str(ServerAddress("ws://[::1]:8080/ws")) == "ws://[::1]:8080/ws"


def test_this_machine_is_never_reached_through_a_proxy() -> None:
    urls = ("ws://localhost:1/ws", "ws://127.0.0.1/ws", "ws://[::1]:8080/ws", "ws://example.com/ws")
    assert [ServerAddress(url).is_this_machine for url in urls] == [True, True, True, False]


def test_a_client_of_as_many_channels_as_it_may_follow_fits_into_a_request() -> None:
    """Names of users' channels have colons for each letter that is not ASCII."""
    position = ResumePosition()
    channels = [f"{number:02}" + ":d0" * 32 for number in range(MAX_CHANNELS_PER_CONNECTION)]
    for channel in channels:
        position.is_new(f'{{"event_id":"1790000000000-12345678","channel":"{channel}"}}')
        position.follow([*position.channels, channel], channel)
    address = ServerAddress("wss://downloads.example.com/ws").resuming_after(position.event_id, channels)
    assert len(address) < MAX_HEADER_BYTES - 4000  # the rest is for a token
