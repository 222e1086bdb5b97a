"""What people who mean harm send: texts and JSON at and beyond every edge."""

import json

from hypothesis import strategies as st

NAMES = [
    *("event_id", "type", "download_id", "action", "channel", "since", "command_id", "file", "token", "position"),
    *("progress", "speed", "attempt", "change", "received_bytes", "total_bytes", "file_path", "error_message", "name"),
    *("__proto__", "constructor", "", "\x00", "x" * 300),
]
TYPES = [
    *("download_progress", "download_complete", "download_error", "download_queued", "download_deleted"),
    *("hello", "position", "command_result", "error", "mine"),
]
ACTIONS = [
    "pause_download",
    "delete_download",
    "clear_finished",
    "publish",
    "subscribe",
    "unsubscribe",
    "authenticate",
    "fly",
]
NUMBERS = ["0", "1", "0.5", "-0", "-1", "1e400", "-1e400", "1e-400", "9" * 17, "9" * 400, "9" * 5000, "NaN", "Infinity"]
DEEP = [50, 190, 250, 900, 960, 980, 990, 1000, 5000]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
"""As it comes over a wire that must be UTF-8. Lone surrogates come as escapes."""

strings = st.one_of(
    text.map(json.dumps),
    text.map(lambda found: json.dumps(found, ensure_ascii=False)),
    st.sampled_from([*TYPES, *ACTIONS, "7-3", "1790000000000-42", "__proto__"]).map(json.dumps),
    st.sampled_from(
        ['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\x00"', '"\\x"', '"', "''", '"' + "x" * 5000 + '"']
    ),
)
nested = st.builds(
    lambda depth, ends: ends[0] * depth + "1" + ends[1] * depth,
    st.sampled_from(DEEP),
    st.sampled_from(["[]", ('{"a":', "}")]),
)
values = st.one_of(strings, st.sampled_from([*NUMBERS, "null", "true", "[]", "{}", "", '["a"]', '{"a":1}']), nested)


@st.composite
def objects(draw: st.DrawFn) -> str:
    """Nearly an object: members known and unknown, twice, escaped; white space and worse around them."""
    members = [
        *draw(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=5)),
        *draw(st.lists(st.tuples(st.just("type"), st.sampled_from(TYPES).map(json.dumps)), max_size=2)),
        *draw(st.lists(st.tuples(st.just("action"), st.sampled_from(ACTIONS).map(json.dumps)), max_size=2)),
        *draw(st.lists(st.tuples(st.just("download_id"), strings), max_size=2)),
    ]
    spelled = [(json.dumps(name), value) for name, value in draw(st.permutations(members))]
    if draw(st.booleans()):
        spelled = [
            ("".join(f"\\u{ord(char):04x}" if char == "e" else char for char in name), value) for name, value in spelled
        ]
    colon, comma = draw(st.sampled_from([(":", ","), (": ", ", "), (" :\n", ",\t")]))
    before, behind = draw(
        st.sampled_from([("", ""), ("\ufeff", ""), (" \n", " "), ("\x0b", ""), ("", "}"), ("[", "]")])
    )
    return before + "{" + comma.join(f"{name}{colon}{value}" for name, value in spelled) + "}" + behind


@st.composite
def cut(draw: st.DrawFn) -> str:
    """An object that ends too early."""
    whole = draw(objects())
    return whole[: draw(st.integers(0, len(whole)))]


messages = st.one_of(objects(), objects(), cut(), values, text)


def in_few_words(error: Exception) -> None:
    """What was wrong is told without all of the input, which may be endless."""
    assert 0 < len(str(error)) < 600
