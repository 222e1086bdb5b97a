"""The real programs tell an address of the ends of downloads and jobs; what is set wrongly is named."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

import simulcast
from simulcast import background
from simulcast.broker import Broker
from simulcast.job_keeper import JobKeeper
from simulcast.model.events import complete_event
from tests.command_line import Command
from tests.conditions import until
from tests.file_server import Files, serve_files
from tests.programs import StartFrontEnd, StartWorker
from tests.service import ROOT
from tests.valkey import Valkey
from tests.webhook_receiver import SECRET, receiving


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    async with serve_files() as found:
        found.contents["a.bin"] = b"all of it"
        yield found


async def test_an_address_is_told_of_every_end_and_a_callback_of_its_own(
    front_end: StartFrontEnd,
    worker: StartWorker,
    own_valkey: Valkey,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "_shared", {})
    running = await front_end()
    async with receiving() as everything, receiving() as callback:
        settings = {"SIMULCAST_WEBHOOKS": everything.url, "SIMULCAST_WEBHOOK_SECRET": SECRET}
        started = worker(**settings)
        body = {"url": files.url("a.bin"), "download_id": "a", "callback_url": callback.url}
        status, record = await running.post("/downloads", body)
        assert status == 201
        assert "callback_url" not in record
        async with simulcast.job("j", url=own_valkey.url):
            pass
        await until(lambda: len(everything.got) == 2 and len(callback.got) == 1, "three deliveries")
        assert started.stop() == 0
    assert {(event["type"], event.get("download_id")) for event in everything.events} == {
        ("download_complete", "a"),
        ("job_complete", None),
    }
    assert callback.got == [got for got in everything.got if got[1]["type"] == "download_complete"]
    assert callback.url not in started.output()
    background.shared(JobKeeper, own_valkey.url).close()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"SIMULCAST_WEBHOOKS": "https://a.example/"}, "SIMULCAST_WEBHOOKS needs SIMULCAST_WEBHOOK_SECRET"),
        (
            {"SIMULCAST_WEBHOOKS": "https://a.example/", "SIMULCAST_WEBHOOK_SECRET": ",,"},
            "SIMULCAST_WEBHOOKS needs SIMULCAST_WEBHOOK_SECRET",
        ),
        ({"SIMULCAST_NOTIFY": ",".join(["json://127.0.0.1/secret"] * 9)}, "SIMULCAST_NOTIFY"),
        ({"SIMULCAST_WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "SIMULCAST_WEBHOOK_SECRET is none: whsec_"),
        ({"SIMULCAST_WEBHOOK_SECRET": SECRET.removeprefix("whsec_")}, "SIMULCAST_WEBHOOK_SECRET is none"),
        ({"SIMULCAST_WEBHOOKS": "https://a.example/,ftp://b.example/"}, "number 2 of the addresses must begin with"),
    ],
)
def test_settings_that_make_no_sense_stop_the_start(settings: dict[str, str], named: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers"], cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert named in done.stderr
    assert not any(value in done.stderr for name, value in settings.items() if name.endswith("SECRET"))


async def test_a_script_is_run_at_an_end_and_again_where_it_failed(
    worker: StartWorker, own_broker: Broker, tmp_path: Path
) -> None:
    script, lines = tmp_path / "on_end", tmp_path / "lines"
    script.write_text(
        f'#!/bin/sh\necho "$SIMULCAST_TYPE $SIMULCAST_DOWNLOAD_ID" >> {lines}\n[ "$(wc -l < {lines})" = 2 ]\n'
    )
    script.chmod(0o755)
    worker(SIMULCAST_ON_END=str(script))
    await own_broker.publish(complete_event("a", "/a"))
    await until(lambda: lines.exists() and lines.read_text() == "download_complete a\n" * 2, "two runs")


async def test_the_command_line_tells_how_a_test_of_an_address_went(
    simulcast_process: Command, worker: StartWorker, own_valkey: Valkey
) -> None:
    worker(SIMULCAST_WEBHOOK_SECRET=SECRET)
    async with receiving() as receiver:
        test = partial(asyncio.to_thread, simulcast_process, "webhooks", REDIS_URL=own_valkey.url)
        assert "told webhook_test:" in (await test("--test", receiver.url)).stdout
        assert [event["type"] for event in receiver.events] == ["webhook_test"]
        assert "not told: the server answered 404" in (await test("--test", f"{receiver.url}/nothing")).stderr
        assert "private" in (await test("--test", "http://10.0.0.1/")).stderr
        assert (await test()).stdout == ""
