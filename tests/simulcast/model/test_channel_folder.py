"""Names of folders and of users' channels: no two share one, and none leads elsewhere."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulcast.model.channel import CHANNEL_PATTERN, ChannelNames, user_channel
from simulcast.model.channel_folder import channel_folder, channel_of, channel_path
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.settings.worker import WorkerSettings

channels = st.from_regex(re.compile(CHANNEL_PATTERN, re.ASCII), fullmatch=True)
users = st.text(st.characters(codec="utf-8"), min_size=1, max_size=255)


@given(channels, channels)
def test_no_two_channels_have_the_same_folder_also_where_case_does_not_count(one: str, other: str) -> None:
    assert (channel_path(one).lower() == channel_path(other).lower()) == (one == other)


@pytest.mark.parametrize("channel", ["..", ".", ".a", "a.", "user.alice", "A:b", "::", "x" * 100, "X" * 100])
def test_a_folder_lies_below_the_download_folder_and_tells_its_channel(channel: str, tmp_path: Path) -> None:
    folder = channel_folder(tmp_path, channel)
    folder.mkdir(parents=True)
    assert folder.resolve().parent == tmp_path.resolve() / "channels"
    assert channel_of(folder.name) == channel


def test_what_is_no_folder_of_a_channel_is_none(tmp_path: Path) -> None:
    assert [channel_of(name) for name in ("User.Bob", "+x+", "a b", "downloads", "é", "", ".a")] == [None] * 7
    assert [channel_of(name) for name in ("++", "+downloads")] == [":", "Downloads"]
    assert channel_folder(tmp_path, "downloads") == tmp_path


@given(users, users)
def test_no_two_users_have_the_same_channel(one: str, other: str) -> None:
    ones, others = user_channel("user.", one), user_channel("user.", other)
    assert ChannelNames(ones).channel.startswith("user.")
    assert (ones == others) == (one == other)


def test_a_user_s_channel_is_readable_and_none_of_a_pattern() -> None:
    assert user_channel("user.", "alice-1.b_c") == "user.alice-1.b_c"
    assert user_channel("user.", "alice@example.com") == "user.alice:40example.com"
    assert user_channel("user.", "*") == "user.:2a"
    long = user_channel("u" * 29 + ".", "a" * 255)
    assert len(long) <= 100 and long != user_channel("u" * 29 + ".", "a" * 254)
    with pytest.raises(UnicodeError):
        user_channel("user.", "\ud800")


@pytest.mark.parametrize("prefix", ["user.", "u:", "a-b_"])
def test_a_worker_serves_the_channels_of_users(prefix: str) -> None:
    served = WorkerSettings(user_channels=prefix).channels
    assert served == ChannelPatterns(("downloads",), (prefix,))
    assert served.covers(user_channel(prefix, "alice")) and served.covers("downloads")


@pytest.mark.parametrize("prefix", ["user", "d", "downloads", "*.", "a b.", "x" * 30 + ".", "ü."])
def test_channels_of_users_have_a_beginning_that_no_other_channel_has(prefix: str) -> None:
    with pytest.raises(ValueError, match="at most 30"):
        WorkerSettings(user_channels=prefix)


def test_patterns_cover_names_and_beginnings_and_no_other_text() -> None:
    served = ChannelPatterns.parse(["downloads", "team-*"])
    assert [name for name in ("downloads", "team-", "team-7", "team", "download", "") if served.covers(name)] == [
        *("downloads", "team-", "team-7")
    ]
    everything = ChannelPatterns.parse(["*"])
    assert everything.covers("x") and not everything.covers("3/x") and not everything.covers("x" * 101)
    for text in ("", "a*b", "**", "a/b", "é", "x" * 101):
        with pytest.raises(ValueError, match="a channel has"):
            ChannelPatterns.parse([text])
    with pytest.raises(ValueError, match="a channel has"):
        WorkerSettings(worker_channels=("a b",))
