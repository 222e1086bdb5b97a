"""What may be said of a download, and what not, in words that show no secret."""

import pytest
from pydantic import ValidationError

from simulcast.model.download_options import NO_OPTIONS, DownloadOptions

SHA1 = "sha1:" + "a" * 40


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": "a b.iso"},
        {"name": ".hidden"},
        {"checksum": SHA1},
        {"headers": {"Cookie": "a=b; c=d", "X-Key": "ключ".encode().decode("latin-1"), "Empty": ""}},
        {"headers": {"Authorization": "Bearer x"}},
        {"basic": {"user": "kim", "password": "p:w"}},
        {"folder": "films/2026", "name": "b.iso"},
        {"bearer": "t0ken", "proxy": "http://kim:pw@proxy.example:3128/"},
    ],
    ids=repr,
)
def test_what_is_said_is_stored_and_read_again(said: dict[str, object]) -> None:
    options = DownloadOptions.model_validate(said)
    assert DownloadOptions.from_json(options.to_json()) == options
    assert DownloadOptions(limit_bytes_per_s=1).to_json() == "", "the record has it in a field of its own"
    assert DownloadOptions.from_json(None) == DownloadOptions.from_json("") == NO_OPTIONS


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"headers": {name: "s3cr3t"}}, f"{name} can't be given: the worker sets it itself")
        for name in (
            *("Host", "content-length", "Transfer-Encoding", "Connection", "Range", "If-Range", "If-Match", "Expect"),
            *("Accept-Encoding", "Proxy-Authorization", "Upgrade", "TE", "Content-Encoding"),
        )
    ]
    + [
        ({"headers": {"X": "s3cr3t\r\nHost: evil"}}, "the value of X is one line"),
        ({"headers": {"X": "s3cr3t\n"}}, "the value of X is one line"),
        ({"headers": {"X": "s3cr3t\0"}}, "the value of X is one line"),
        ({"headers": {"X": " s3cr3t"}}, "the value of X is one line"),
        ({"headers": {"X": "s3cr3t €"}}, "the value of X is one line"),
        ({"headers": {"X": "s3cr3t" * 1000}}, "at most 4,096"),
        ({"headers": {"X Y": "s3cr3t"}}, "'X Y' is no name of a header"),
        ({"headers": {"": "s3cr3t"}}, "'' is no name of a header"),
        ({"headers": {"X:": "s3cr3t"}}, "is no name of a header"),
        ({"headers": {"a": "1", "A": "2"}}, "name one header twice"),
        ({"headers": {f"X{n}": "s3cr3t" for n in range(21)}}, "at most 20, not 21"),
        ({"bearer": "s3cr3t\r\nX: y"}, "one line"),
        ({"bearer": ""}, "one line"),
        ({"bearer": "s3cr3t", "basic": {"user": "u", "password": "s3cr3t"}}, "only one of"),
        ({"bearer": "s3cr3t", "headers": {"authorization": "s3cr3t"}}, "only one of"),
        ({"basic": {"user": "a:b", "password": "s3cr3t"}}, "pattern"),
        ({"basic": {"user": "a", "passwort": "s3cr3t"}}, "password"),
        ({"checksum": "sha256:abc"}, "of sha256 has 64 hexadecimal digits"),
        ({"checksum": "crc32:00000000"}, "begins with one of sha256:, sha512:, sha1:, md5:"),
        ({"checksum": SHA1[:-1] + "g"}, "hexadecimal"),
        ({"limit_bytes_per_s": 0}, "greater than"),
        ({"name": "../a"}, "the name of a file alone"),
        ({"name": "a\\b"}, "the name of a file alone"),
        ({"name": "a\u202eb"}, "the name of a file alone"),
        ({"name": "a\nb"}, "the name of a file alone"),
        ({"name": ".."}, "no name of a file"),
        ({"name": " . "}, "no name of a file"),
        ({"name": ""}, "no name of a file"),
        ({"name": "x" * 201}, "200"),
        ({"proxy": "socks4://s3cr3t@proxy:1"}, "looks like http://proxy.example:3128"),
        ({"proxy": "http://s3cr3t@proxy:1/path"}, "looks like http://proxy.example:3128"),
        ({"proxy": "http://proxy:99999"}, "is no address"),
        ({"proxy": "http://s3cr3t\n@proxy"}, "percent-encode"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_can_not_be_is_refused_in_words_without_secrets(said: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DownloadOptions.model_validate(said)
    assert words in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_what_a_record_holds_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="the download's options can't be read") as caught:
        DownloadOptions.from_json('{"bearer": ["s3cr3t"]}')
    assert "s3cr3t" not in str(caught.value)
