"""A script of the operator is run at each end, with the event in its environment; it fails, hangs and talks."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from simulcast.webhooks import Delivery
from tests.conditions import until
from workers.webhooks import script
from workers.webhooks.script import Script, ScriptFailed, event_environment

MakeDelivery = Callable[..., Delivery]


def written(folder: Path, text: str) -> Path:
    path = folder / "on_end"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


async def test_it_finds_members_in_its_environment_and_the_event_in_its_input(
    tmp_path: Path, delivery: MakeDelivery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told = delivery()
    await Script(written(tmp_path, f'cat > {tmp_path}/event; echo "$SIMULCAST_TYPE $SIMULCAST_FILE_PATH" >&2')).run(
        told
    )
    assert (tmp_path / "event").read_bytes() == told.body
    assert "on_end: d: download_complete /d" in caplog.text


async def test_one_that_reads_nothing_and_talks_without_an_end_is_cut_short_in_the_log_alone(
    tmp_path: Path, delivery: MakeDelivery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await Script(written(tmp_path, f"exec 0<&-; yes | head -c 1000000; touch {tmp_path}/done")).run(delivery())
    assert (tmp_path / "done").exists()
    assert 0 < sum(record.getMessage().count("y") for record in caplog.records) <= script.MAX_OUTPUT_BYTES


@pytest.mark.parametrize(("text", "reason"), [("exit 3", "ended with 3"), ("kill -9 $$", "ended with -9")])
async def test_one_that_fails_says_how(tmp_path: Path, delivery: MakeDelivery, text: str, reason: str) -> None:
    with pytest.raises(ScriptFailed, match=reason):
        await Script(written(tmp_path, text)).run(delivery())


async def test_one_that_is_not_there_says_so(tmp_path: Path, delivery: MakeDelivery) -> None:
    with pytest.raises(ScriptFailed, match="can't be run: No such file"):
        await Script(tmp_path / "nothing").run(delivery())


async def test_one_that_hangs_is_killed_in_time_with_what_it_began(
    tmp_path: Path, delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "SCRIPT_TIMEOUT_S", 1.0)
    with pytest.raises(ScriptFailed, match="longer than 1 s"):
        await Script(written(tmp_path, f"sleep 1000 & echo $! > {tmp_path}/pid; wait")).run(delivery())
    child = int((tmp_path / "pid").read_text())

    def is_gone() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        return "zombie" in Path(f"/proc/{child}/status").read_text()

    await until(is_gone, "the end of what it began")


def test_members_are_text_and_no_other_ones_get_in() -> None:
    event = {
        "type": "x",
        "attempt": 2,
        "result": {"a": 1},
        "name": "a\0b\ud800",
        "url": "u",
        "log": "debug",
        "owner": None,
    }
    assert event_environment(json.dumps(event).encode()) == {
        "SIMULCAST_TYPE": "x",
        "SIMULCAST_ATTEMPT": "2",
        "SIMULCAST_RESULT": '{"a": 1}',
        "SIMULCAST_NAME": "ab?",
    }
