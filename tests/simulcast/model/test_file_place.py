"""Which folders below the download folder may be asked for, and in which words others are refused."""

import pytest
from pydantic import TypeAdapter, ValidationError

from simulcast.model.file_place import FileFolder

FOLDER: TypeAdapter[str] = TypeAdapter(FileFolder)


@pytest.mark.parametrize(
    "path",
    ["films", "films/2026", "Фильмы/ü", "a b/c.d", "a/channels", "channels2", "x" * 200, "/".join("abcdefghijklmnop")],
)
def test_a_folder_below_is_taken_as_it_is(path: str) -> None:
    assert FOLDER.validate_python(path) == path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/films", "begins with a slash, and lies below the download folder: write it like films/2026"),
        ("", "has an empty name: write one slash between two names, and none at the end"),
        ("films/", "has an empty name"),
        ("films//2026", "has an empty name"),
        (".", "has the name '.': choose one that begins with no dot"),
        ("films/../../etc", "has the name '..': choose one that begins with no dot"),
        ("films/.hidden", "has the name '.hidden'"),
        ("films/ . ", "has the name ' . '"),
        ("films/ ", "is no space alone"),
        ("films\\2026", r"has a backslash or a control character in 'films\\\\2026': leave it out"),
        ("films/a\0b", r"has a backslash or a control character in 'a\\x00b'"),
        ("films/a\nb", "control character"),
        ("films/a\u202eb", "control character"),
        ("films/\ud800", "unicode|character"),
        ("d1.part.1-a/x", "has the name 'd1.part.1-a', which looks like a part file's: leave out .part."),
        ("channels/team-7", "begins with channels, the folder of all other channels: choose another name"),
        ("CHANNELS. /x", "the folder of all other channels"),
        ("ü" * 101, "has a name of 202 bytes in UTF-8, 'ü+'…: choose one of 200 at most"),
        ("/".join("abcdefghijklmnopq"), "has 17 names, one below the other: leave some out, to 16 at most"),
        ("/".join(["x" * 100] * 5), "at most 500 characters"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_any_other_is_refused_in_words(path: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FOLDER.validate_python(path)
