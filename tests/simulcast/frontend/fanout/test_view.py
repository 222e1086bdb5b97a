import json

import pytest

from simulcast.frontend.fanout.frames import payload_of
from simulcast.frontend.fanout.view import MAX_KEPT_FRAME_BYTES, MAX_KEPT_FRAMES, View
from simulcast.model.position import Position
from tests.fake_clients import entry


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('{"event_id":"1-2","type":"x"}', '{"event_id":"1-2","channel":"a","type":"x"}'),
        ('{"event_id":"1-2"}', '{"event_id":"1-2","channel":"a"}'),
        ('{"type":"x"}', '{"channel":"a","type":"x"}'),
        ("{}", '{"channel":"a"}'),
        ("{ }", '{"channel":"a"}'),
        ("Hello", "Hello"),
    ],
)
def test_a_named_view_says_of_each_event_in_which_channel_it_came(text: str, seen: str) -> None:
    frame = View("a", with_channel=True).frame(entry(text))
    assert frame is not None
    assert payload_of(frame).decode() == seen


def test_the_view_of_one_download_shows_only_its_events() -> None:
    view = View("a", download_id="x")
    ours, other, none = entry("{}", "p", "x"), entry("{}", "p", "y"), entry("{}")
    assert view.frame(ours) == ours.frame
    assert view.frame(other) is view.frame(none) is None


def test_a_mark_says_how_far_the_channel_is() -> None:
    mark = json.loads(payload_of(View("a", with_channel=True, marks=True).position_mark(Position(1, 2))))
    assert mark == {"type": "position", "position": "1-2", "channel": "a"}


def test_events_with_their_channel_are_made_once_and_few_are_kept() -> None:
    view, first, large = View("a", with_channel=True), entry("{}"), entry(f'{{"x":"{"x" * MAX_KEPT_FRAME_BYTES}"}}')
    made = view.frame(first)
    assert view.frame(first) is made
    assert view.frame(large) is not view.frame(large)
    for number in range(MAX_KEPT_FRAMES):
        view.frame(entry(f'{{"number":{number}}}'))
    assert view.frame(first) is not made
    assert view.frame(first) == made
