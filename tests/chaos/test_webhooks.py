from pathlib import Path

import pytest

from tests.chaos.webhooks import Findings, Plan, check, run

pytestmark = pytest.mark.timeout(240)


async def test_whatever_is_killed_each_end_is_told_in_order_and_with_its_id(tmp_path: Path) -> None:
    found = await run(Plan(ends=80, seconds=4), tmp_path)
    assert sum(found.kills.values()) > 2
    assert found.wrong == []


async def test_a_naive_sender_loses_ends(tmp_path: Path) -> None:
    found = await run(Plan(ends=60, seconds=4, naive=True), tmp_path)
    assert any("never told" in finding for finding in found.wrong)


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        ([(("", "a", 1), "1")], "('', 'a', 2) was never told"),
        ([(("", "a", 2), "2"), (("", "a", 1), "1")], "('', 'a', 1) came behind 2"),
        ([(("", "a", 1), "1"), (("", "a", 2), "2"), (("", "a", 1), "3")], "('', 'a', 1) came again with another id"),
        ([(("", "a", 1), "1"), (("", "a", 2), "1")], "two ends share an id"),
    ],
)
def test_each_fault_is_found(lines: list[tuple[tuple[str, str, object], str]], finding: str) -> None:
    findings = Findings()
    check(lines, {("", "a", 1), ("", "a", 2)}, findings)
    assert findings.wrong == [finding]
