"""What servers and addresses of downloads say, whatever it is."""

import ipaddress
import unicodedata
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from simulcast.errors import BrokerUnavailable
from simulcast.model.job_record import display_name, parse_record, redact_url
from tests.hostile.texts import in_few_words, text, values
from workers.disk.file_names import MAX_NAME_BYTES, file_name, part_name
from workers.error_messages import message_for
from workers.errors import HTTPStatusError, ProtocolError
from workers.http.address_filter import refusal
from workers.http.headers import Headers
from workers.http.response import RemoteFile, check_response, resume_at

nasty = st.text(
    st.one_of(
        st.sampled_from('./\\ \u202e\u200b\x00\r\n<>:"|?*~-%2eE5c;=\'"'), st.characters(exclude_categories=["Cs"])
    ),
    max_size=300,
)
paths = st.one_of(
    nasty,
    st.sampled_from(
        [
            "/..",
            "/../../etc/passwd",
            "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "/..%5c..%5cx",
            "/%00",
            "/a%00.exe",
            "/C:%5Cx",
            "/nul",
        ]
    ),
    st.sampled_from(
        ["/%ff%fe", "/" + "%F0%9F%98%80" * 300, "/exe.%E2%80%AEgpj", "/.", "/%0d%0aX:%20y", "", "/con.txt", "/~"]
    ),
)
dispositions = st.one_of(
    st.none(),
    nasty,
    nasty.map(lambda name: f'attachment; filename="{name}"'),
    paths.map(lambda name: f"attachment; filename*=UTF-8''{name[1:]}"),
    st.sampled_from(
        [
            'attachment; filename="../../x"',
            'attachment; filename="C:\\\\Windows\\\\x"',
            "filename*=utf-8''%ed%a0%80",
            ";" * 300,
        ]
    ),
)


def unseen(text: str) -> set[str]:
    """Characters that move a cursor, turn text around or end a line."""
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@given(dispositions, paths)
@example("x; filename=" + "\\" * 5000, "/")
@example("; " * 5000 + "filename", "/")
def test_whatever_a_server_calls_its_file_it_lies_in_the_folder_under_a_name_that_shows(
    disposition: str | None, path: str
) -> None:
    folder = Path("/downloads")
    for name in (file_name(disposition, path), part_name(path, "1-a")):
        assert (folder / name).parent == folder
        assert 0 < len(name.encode()) <= MAX_NAME_BYTES + len(".part.1-a")
        assert not unseen(name)
        assert name not in (".", "..")
        assert not set(name) & set('/\\<>:"|?*')


@given(paths)
def test_the_name_of_a_download_that_is_queued_moves_no_cursor_and_turns_no_text_around(path: str) -> None:
    name = display_name("http://h/" + path.removeprefix("/"))
    assert name.isprintable()
    assert len(name) <= 200


v4 = st.one_of(
    st.ip_addresses(v=4),
    st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16", "172.16.0.0/12"]).flatmap(
        lambda network: st.ip_addresses(network=network)
    ),
)


@given(v4)
@example(ipaddress.ip_address("169.254.169.254"))
def test_an_address_inside_another_is_refused_as_it_is_alone(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    alone = refusal(str(address), ()) is None
    for outer in (
        0xFFFF << 32 | number,  # mapped
        0x0064FF9B << 96 | number,  # NAT64
        0x0064FF9B0001 << 80 | number,  # NAT64 of one's own network
        0x2002 << 112 | number << 80,  # 6to4
    ):
        assert (refusal(str(ipaddress.IPv6Address(outer)), ()) is None) == alone
    if number > 1:
        assert (refusal(str(ipaddress.IPv6Address(number)), ()) is None) == alone  # compatible
    assert not alone or address.is_global


@given(
    st.one_of(
        text,
        st.ip_addresses(v=6).map(str),
        st.ip_addresses(v=6).map("{}%1".format),
        st.ip_addresses(v=4).map("{}%1".format),
    )
)
@example("0x7f000001")
@example("2130706433")
@example("0177.0.0.1")
@example("127.0.0.1\n")
@example("fe80::1%")
def test_only_a_public_address_that_is_written_out_may_be_reached(address: str) -> None:
    if refusal(address, ()) is None:
        parsed = ipaddress.ip_address(address)
        # Of the first the IPv4 address within is judged, which is_global of newer Pythons does not look at.
        judged_by_us = ("2002::/16", "64:ff9b:1::/48")
        assert parsed.is_global or any(parsed in ipaddress.ip_network(network) for network in judged_by_us)
        assert not parsed.is_multicast


headers = st.lists(
    st.tuples(
        st.sampled_from(["ETag", "Content-Range", "Content-Length", "Content-Encoding", "Transfer-Encoding"]),
        st.one_of(
            text,
            st.sampled_from(
                ['"v1"', 'W/"v1"', "bytes 5-9/10", "bytes 5-9/*", "bytes 5-99999999999999999999/1", "bytes */10"]
            ),
            st.sampled_from(
                ["5", "-5", "+5", "5, 5", "0x5", "٥", "9" * 400, "chunked", "identity", "gzip", "br, chunked"]
            ),
        ),
    ),
    max_size=6,
)
sources = st.one_of(
    st.none(), st.builds(RemoteFile, st.sampled_from([None, '"v1"', 'W/"v1"', "v1"]), st.sampled_from([None, 0, 5, 10]))
)


@given(st.sampled_from([200, 206, 416, 404, 304, 100, 999, -1]), headers, st.sampled_from([0, 5, 9]), sources)
@example(206, [("ETag", '"v1"'), ("Content-Range", "bytes 5-9/10")], 9, RemoteFile('"v1"', 10))
@example(206, [("ETag", '"v1"'), ("Content-Range", "bytes 5-9/10")], 5, RemoteFile('"v1"', 10))
@example(200, [("Content-Length", "9" * 400)], 0, None)
def test_whatever_a_server_answers_the_bytes_are_those_that_were_asked_for_or_none(
    status: int, said: list[tuple[str, str]], start: int, source: RemoteFile | None
) -> None:
    try:
        fields = Headers()
        for name, value in said:
            fields.add(f"{name}: {value}".encode(errors="surrogateescape"))
        found = check_response(status, fields, start, source)
    except (ProtocolError, HTTPStatusError) as error:
        in_few_words(error)
        assert not unseen(message_for(error))
        return
    if found is None:
        assert start > 0
        return
    assert found.start in (0, start)
    assert found.total is None or 0 <= found.total < 10**18
    if found.start:
        assert source is not None
        assert found.validator == source.validator
        (content_range,) = (value for name, value in said if name == "Content-Range")
        assert content_range.startswith(f"bytes {start}-")
    assert 0 <= resume_at(5, source) <= 5


fields = st.dictionaries(
    st.sampled_from(
        ["download_id", "url", "name", "state", "attempt", "progress", "speed", "received", "total", "priority"]
    ),
    values,
)
RECORD = {
    **{"download_id": "x", "url": "http://h/", "name": "x", "state": "queued", "attempt": "1", "progress": "0.0"},
    **{"speed": "0", "received": "0", "total": "null", "created_at": "1", "updated_at": "1"},
}


@given(fields, values)
@example({}, "9" * 400)
@example({"url": "http://[::1"}, "1")
def test_a_record_that_makes_no_sense_is_said_to_be_unreadable(found: dict[str, str], created_at: str) -> None:
    try:
        parse_record(RECORD | found | {"created_at": created_at})
    except BrokerUnavailable as error:
        assert "not readable" in str(error)


@given(st.sampled_from(["user:pw@", "u@", ":pw@", "a:b@c:pw@", "user%40:pw@"]), paths)
def test_an_address_that_is_shown_has_no_password(credentials: str, path: str) -> None:
    assert "pw" not in redact_url(f"http://{credentials}example.com/{path.replace('pw', '')}")
