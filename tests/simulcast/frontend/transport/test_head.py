"""The head of a request: only one that means the same to every reader is read."""

import pytest
from starlette.responses import PlainTextResponse

from simulcast.frontend.transport.head import Head, encode_response

HANDSHAKE = (
    b"GET /ws?channel=a HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def parse(data: bytes) -> Head:
    head = Head.parse(data)
    assert head is not None
    return head


def test_names_are_in_lower_case_and_values_without_white_space_around() -> None:
    head = parse(b"GET /a?b HTTP/1.1\r\nHOST: \t localhost \r\nX-Y:a: b\r\n\r\n")
    assert (head.method, head.target) == (b"GET", b"/a?b")
    assert head.fields == {b"host": b"localhost", b"x-y": b"a: b"}
    assert head.get(b"x-y") == "a: b" and head.get(b"x-z") == ""


def test_what_stands_there_twice_is_one_list() -> None:
    head = parse(b"GET / HTTP/1.1\r\nsec-websocket-protocol: a, b\r\nSec-WebSocket-Protocol: c,\r\n\r\n")
    assert head.subprotocols == ("a", "b", "c")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\nHost: localhost\n\n", id="bare line feeds"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n", id="a folded line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", id="a space before the colon"),
        pytest.param(b"GET / HTTP/1.1\r\nx: a\x00b\r\n\r\n", id="a null byte"),
        pytest.param(b"GET / HTTP/1.1\r\nx: a\rb\r\n\r\n", id="a bare carriage return"),
        pytest.param(b"GET / HTTP/1.1\r\nx\r\n\r\n", id="no colon"),
        pytest.param(b"GET / HTTP/1.1\r\n: x\r\n\r\n", id="no name"),
        pytest.param(b"GET / a HTTP/1.1\r\n\r\n", id="a space in the target"),
        pytest.param(b"GET / HTTP/2.0\r\n\r\n", id="another version"),
        pytest.param("GET /ä HTTP/1.1\r\n\r\n".encode(), id="a target that is not ASCII"),
        pytest.param(b"\r\n\r\n", id="nothing"),
    ],
)
def test_any_other_head_is_left_to_another_parser(data: bytes) -> None:
    assert Head.parse(data) is None


@pytest.mark.parametrize("scheme", [b"http", b"WS"])
def test_an_absolute_target_is_read_as_path_and_host(scheme: bytes) -> None:
    head = parse(b"GET %b://example.com?a HTTP/1.1\r\nHost: localhost\r\n\r\n" % scheme)
    assert (head.target, head.fields) == (b"/?a", {b"host": b"example.com"})
    assert head.encode() == b"GET /?a HTTP/1.1\r\nhost: example.com\r\n\r\n"


def test_a_websocket_is_asked_for() -> None:
    assert parse(HANDSHAKE).is_handshake


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET", b"POST"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"WebSocket\r", b"h2c\r"),
        (b"keep-alive, Upgrade", b"keep-alive, Upgrades"),
        (b"Host: localhost", b"Host: localhost\r\nHost: localhost"),
        (b"Host: localhost", b"X: localhost"),
        (b"Host: localhost", b"Host: localhost\r\nContent-Length: 1"),
        (b"Host: localhost", b"Host: localhost\r\nTransfer-Encoding: chunked"),
    ],
)
def test_a_head_that_asks_for_something_else_or_for_more_is_no_handshake(old: bytes, new: bytes) -> None:
    assert not parse(HANDSHAKE.replace(old, new, 1)).is_handshake


def test_handshakes_that_differ_in_their_keys_alone_are_parsed_once() -> None:
    key = b"AAAAAAAAAAAAAAAAAAAAAA=="
    first, of_first = Head.parse_with_key(HANDSHAKE)
    second, of_second = Head.parse_with_key(HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", key))
    assert first is second
    assert (of_first, of_second) == (b"dGhlIHNhbXBsZSBub25jZQ==", key)
    other, _ = Head.parse_with_key(HANDSHAKE.replace(b"localhost", b"127.0.0.1"))
    assert other is not None and other.get(b"host") == "127.0.0.1"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        pytest.param(b"sec-websocket-key:\tAAAAAAAAAAAAAAAAAAAAAA==", b"AAAAAAAAAAAAAAAAAAAAAA==", id="other case"),
        pytest.param(b"Sec-WebSocket-Key: short", b"", id="not 16 bytes"),
        pytest.param(b"X: y", b"", id="none"),
        pytest.param(b"%(line)b\r\n%(line)b", b"", id="twice"),
        pytest.param(b"%(line)b\r\nsec-websocket-key: BAAAAAAAAAAAAAAAAAAAAA==", b"", id="two spellings"),
        pytest.param(b"X: y\r\n%(line)b", b"dGhlIHNhbXBsZSBub25jZQ==", id="behind another"),
        pytest.param(b"X: " + 2048 * b"y" + b"\r\n%(line)b", b"dGhlIHNhbXBsZSBub25jZQ==", id="in a long head"),
    ],
)
def test_a_key_is_read_where_it_is_the_only_one(line: bytes, key: bytes) -> None:
    own = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    head, found = Head.parse_with_key(HANDSHAKE.replace(own, line.replace(b"%(line)b", own)))
    assert head is not None and head.is_handshake
    assert found == key


def test_a_request_that_is_no_handshake_is_not_shared_since_it_is_passed_on_with_its_key() -> None:
    data = HANDSHAKE.replace(b"WebSocket\r", b"h2c\r")
    head, _ = Head.parse_with_key(data)
    assert head is not None and head.get(b"sec-websocket-key") and head is not Head.parse_with_key(data)[0]


@pytest.mark.parametrize("with_body", [True, False])
def test_a_response_is_the_last_one_of_its_connection(with_body: bool) -> None:
    text = encode_response(PlainTextResponse("late", 408), [(b"date", b"today")], with_body)
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 408 Request Timeout"
    assert {b"content-length: 4", b"date: today", b"connection: close"} <= set(lines)
    assert body == (b"late" if with_body else b"")
