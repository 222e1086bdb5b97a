"""Which bytes of a file a request gets (RFC 9110 §13 and §14)."""

import pytest

from app.routes.byte_range import RangeResponse, evaluate_range

ETAG = '"a-b"'
WHOLE = RangeResponse(200, 0, 1000)


def get(size: int = 1000, **headers: str) -> RangeResponse:
    return evaluate_range("GET", {name.replace("_", "-"): value for name, value in headers.items()}, ETAG, size)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=500-", 500, 1000),
        ("bytes=999-999", 999, 1000),
        ("bytes=0-999999", 0, 1000),
        ("bytes=-1", 999, 1000),
        ("bytes=-5000", 0, 1000),
        ("Bytes= 5-6 ", 5, 7),
        ("bytes=007-8", 7, 9),
    ],
)
def test_a_range_is_answered_with_its_bytes(asked: str, start: int, stop: int) -> None:
    assert get(range=asked) == RangeResponse(206, start, stop)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5",
        "bytes=1_0-",
        "bytes=+1-2",
        "bytes=٣-",
        "bytes=9-5",
        "lines=0-5",
        "bytes=0-1,5-6",
        "bytes=0-1, 0-1",
        "bytes=" + "9" * 5000 + "-",
        "bytes=0-1\n",
    ],
)
def test_several_ranges_other_units_and_what_makes_no_sense_are_answered_with_all_of_it(asked: str) -> None:
    assert get(range=asked) == WHOLE


@pytest.mark.parametrize(("asked", "size"), [("bytes=1000-", 1000), ("bytes=2000-3000", 1000), ("bytes=-0", 1000)])
def test_a_range_beyond_the_end_can_not_be_satisfied(asked: str, size: int) -> None:
    assert get(size, range=asked).status == 416


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-5"])
def test_an_empty_file_has_no_range(asked: str) -> None:
    assert get(0, range=asked).status == 416
    assert get(0) == RangeResponse(200, 0, 0)


@pytest.mark.parametrize(
    ("validator", "status"),
    [
        (ETAG, 206),
        ('"another"', 200),
        (f"W/{ETAG}", 200),  # not strong
        ("Tue, 24 Nov 2026 12:00:00 GMT", 200),
        (f'{ETAG}, "x"', 200),  # it is one, not a list
    ],
)
def test_a_range_of_another_file_is_answered_with_all_of_this_one(validator: str, status: int) -> None:
    assert get(range="bytes=5-", if_range=validator).status == status


@pytest.mark.parametrize(
    ("tags", "status"),
    [(ETAG, 304), (f"W/{ETAG}", 304), (f'"x", {ETAG}', 304), ("*", 304), ('"x"', 200), ("a-b", 200), ("", 200)],
)
def test_what_the_client_has_is_not_sent_again(tags: str, status: int) -> None:
    assert get(if_none_match=tags).status == status
    assert evaluate_range("HEAD", {"if-none-match": tags}, ETAG, 1000).status == status
    assert get(if_none_match=tags, range="bytes=9999-").status == (304 if status == 304 else 416)


@pytest.mark.parametrize(
    ("tags", "status"), [(ETAG, 200), (f'"x",{ETAG}', 200), ("*", 200), (f"W/{ETAG}", 412), ('"x"', 412)]
)
def test_who_wants_another_file_gets_none(tags: str, status: int) -> None:
    assert get(if_match=tags).status == status


def test_range_is_for_get_alone() -> None:
    assert evaluate_range("HEAD", {"range": "bytes=5-"}, ETAG, 1000) == WHOLE
