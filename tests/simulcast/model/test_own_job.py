"""The members of a job's events: whatever is given, clients can read what comes of it."""

import json
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from simulcast.errors import InvalidEvent
from simulcast.model.own_job import MAX_MESSAGE_CHARS, copy_result, measures, result_members


def parse(members: str) -> dict[str, Any]:
    def refuse(constant: str) -> object:
        raise AssertionError(f"{constant} is no JSON")

    parsed: dict[str, Any] = json.loads(f"{{{members.removeprefix(',')}}}", parse_constant=refuse)
    return parsed


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (Fraction(1, 4), 0.25),
        (Decimal("0.25"), 0.25),
        (0, 0.0),
        (1, 1.0),
        (1.0005, 1.0),
        (-0.0005, 0.0),
        (1e-300, 0.0),
    ],
)
def test_a_fraction_may_be_of_any_kind_of_number(given: Any, parsed: float) -> None:
    assert parse(measures(given)) == {"progress": parsed}
    assert '"progress":0.' in measures(given) or '"progress":1.0' in measures(given)


@pytest.mark.parametrize(
    "wrong",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Fraction(10**400),
        True,
        "1",
        1j,
        [1],
        2**63,
    ],
)
def test_what_is_no_number_is_refused_by_name(wrong: Any) -> None:
    for arguments in ({"progress": wrong}, {"done": wrong}, {"done": 1, "total": wrong}):
        with pytest.raises(InvalidEvent, match=f"{list(arguments)[-1]} is a (number|fraction)"):
            measures(**arguments)


@pytest.mark.parametrize("seed", range(20))
def test_random_measures_are_refused_or_read_back(seed: int) -> None:
    rng = random.Random(seed)
    numbers = [None, 0, 1, -1, 0.5, 1e-9, 1e308, 2**62, 10**30, float("nan"), Decimal("1.5"), Fraction(1, 3), 7]
    texts = ["", "frames", "\x00\n\u2028", "half \ud800", "x" * 10_000, "é\U0001f3ac"]
    for _ in range(500):
        progress, done, total = rng.choices(numbers, k=3)
        unit, message = rng.choices(texts, k=2)
        try:
            members = parse(measures(progress, done, total, unit, message))  # type: ignore[arg-type]
        except InvalidEvent:
            continue
        assert isinstance(members["progress"], float) and 0 <= members["progress"] <= 1
        assert len(members.get("message", "")) <= MAX_MESSAGE_CHARS
        json.dumps(members).encode()


def test_a_result_is_copied_as_clients_read_it() -> None:
    results: tuple[object, ...] = (None, 0, "", [], {"a": (1, None)}, "half \ud800")
    for result in results:
        text = result_members(result)
        assert text == "" if result is None else json.loads(text.removeprefix(',"result":')) == copy_result(result)
    for wrong in (object(), float("nan"), {1, 2}, "x" * 17_000):
        with pytest.raises(InvalidEvent):
            copy_result(wrong)
