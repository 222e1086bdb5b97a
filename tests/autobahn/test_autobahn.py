"""What RFC 6455 and RFC 7692 want of a server, by the Autobahn test-suite's own cases."""

import importlib.util
import os
from pathlib import Path

import pytest

from tests.autobahn.suite import DEFLATE_IN_SHORT, FRAMING, failed, run

pytestmark = [
    pytest.mark.timeout(400),  # a machine with much else to do takes three times as long
    pytest.mark.skipif(
        importlib.util.find_spec("kosoku") is None and not os.environ.get("CI"),
        reason="kosoku, which runs the Autobahn test-suite's cases, has no wheel for this machine",
    ),
]


async def test_frames_messages_and_closes_are_as_the_rfc_wants_them(tmp_path: Path) -> None:
    verdicts = await run(FRAMING, False, tmp_path)
    assert len(verdicts) == 301
    assert failed(verdicts) == {}


async def test_compressed_messages_are_as_the_rfc_wants_them(tmp_path: Path) -> None:
    verdicts = await run(DEFLATE_IN_SHORT, True, tmp_path)
    assert len(verdicts) == 14
    assert failed(verdicts) == {}
