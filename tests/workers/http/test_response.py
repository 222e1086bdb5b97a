"""Which bytes an answer is, decided from its status and headers alone."""

import pytest

from workers.errors import ProtocolError
from workers.http.headers import Headers
from workers.http.response import RemoteFile, ResponseHead, check_response, resume_at

V1 = RemoteFile('"v1"', 200)


def partial(content_range: str, length: int | None = None) -> Headers:
    fields = {"ETag": '"v1"', "Content-Range": content_range}
    return Headers(fields if length is None else {**fields, "Content-Length": str(length)})


@pytest.mark.parametrize(
    ("have", "source", "start"),
    [
        (0, V1, 0),
        (1, V1, 1),
        (199, V1, 199),
        (200, V1, 199),
        (201, V1, 0),
        (50, RemoteFile('"v1"', None), 50),
        (0, RemoteFile('"v1"', 0), 0),
        (1, RemoteFile('"v1"', 1), 0),
        (50, None, 0),
        (50, RemoteFile(None, 200), 0),
        (50, RemoteFile('W/"v1"', 200), 0),
        (50, RemoteFile("v1", 200), 50),
        (50, RemoteFile('"v 1"', 200), 50),
        (50, RemoteFile("W/v1", 200), 0),
        (50, RemoteFile("v1, v2", 200), 0),
        (50, RemoteFile('"v1", "v2"', 200), 0),
        (50, RemoteFile('"v\r\n1"', 200), 0),
    ],
)
def test_what_is_asked_for_depends_on_what_is_there_and_a_strong_etag(
    have: int, source: RemoteFile | None, start: int
) -> None:
    assert resume_at(have, source) == start


@pytest.mark.parametrize("length", [None, 100])
@pytest.mark.parametrize("content_range", ["bytes 100-199/200", "Bytes 100-199/200", "bytes 100-199/*", "100-199/200"])
def test_the_rest_of_the_same_file_is_the_rest(content_range: str, length: int | None) -> None:
    assert check_response(206, partial(content_range, length), 100, V1) == ResponseHead(100, '"v1"', 200)


@pytest.mark.parametrize(
    ("content_range", "length", "source"),
    [
        ("bytes 99-199/200", 101, V1),
        ("bytes 101-199/200", 99, V1),
        ("bytes 0-199/200", 200, V1),
        ("bytes 100-198/200", 99, V1),
        ("bytes 100-200/201", 101, V1),
        ("bytes 100-199/200", 99, V1),
        ("bytes 100-199/200", 200, V1),
        ("bytes 100-199/*", 100, RemoteFile('"v1"', None)),
        ("bytes 99-199/200", 101, RemoteFile('"v1"', None)),
        ("bytes 100-99/100", 0, RemoteFile('"v1"', None)),
        ("bytes -199/200", 100, V1),
        ("", 100, V1),
    ],
)
def test_any_other_part_is_not_the_rest(content_range: str, length: int, source: RemoteFile) -> None:
    assert check_response(206, partial(content_range, length), 100, source) is None


def test_the_whole_is_taken_whatever_was_asked_for() -> None:
    headers = Headers({"ETag": '"v2"', "Content-Length": "300"})
    assert check_response(200, headers, 100, V1) == ResponseHead(0, '"v2"', 300)


@pytest.mark.parametrize("etag", ['W/"v1"', "w/v1", '"v1', ""])
def test_an_etag_that_is_not_strong_is_none(etag: str) -> None:
    assert check_response(200, Headers({"ETag": etag}), 0, None) == ResponseHead(0, None, None)


def test_in_chunks_the_length_has_no_say() -> None:
    headers = Headers({"Content-Length": "5", "Transfer-Encoding": "chunked"})
    assert check_response(200, headers, 0, None) == ResponseHead(0, None, None)


def twice(name: str) -> Headers:
    headers = Headers()
    for value in (b"1", b"2"):
        headers.add(name.encode() + b": " + value)
    return headers


def test_a_length_that_is_stated_twice_can_not_be_trusted() -> None:
    with pytest.raises(ProtocolError, match="it has 2 headers Content-Length"):
        check_response(200, twice("Content-Length"), 0, None)
    assert check_response(206, twice("Content-Length"), 100, V1) is None


def test_two_etags_are_none() -> None:
    assert check_response(200, twice("ETag"), 0, None) == ResponseHead(0, None, None)
