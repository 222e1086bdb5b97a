"""The receiver of docs/webhooks.md verifies what a worker sends, and the secret that the page makes is one."""

import asyncio
import os
import subprocess
import sys

import pytest

from simulcast.broker import Broker
from simulcast.model.events import complete_event
from simulcast.settings.worker import WorkerSettings
from tests.documents import blocks
from tests.ports import free_port
from tests.programs import StartWorker
from tests.service import ROOT
from tests.valkey import Valkey

pytestmark = pytest.mark.long

PAGE = "docs/webhooks.md"


async def test_the_receiver_gets_an_end_by_the_secret_of_the_page(worker: StartWorker, own_valkey: Valkey) -> None:
    command, *_ = blocks(PAGE, "sh")
    _, receiver = blocks(PAGE, "python")
    secret = subprocess.run(["bash", "-euc", command], capture_output=True, text=True, check=True).stdout.strip()
    assert len(WorkerSettings(webhook_secret=secret).webhook_keys()[0]) == 32
    port = str(free_port())
    worker(SIMULCAST_WEBHOOKS=f"http://127.0.0.1:{port}/ends", SIMULCAST_WEBHOOK_SECRET=secret)
    broker = Broker.connect(own_valkey.url)
    await broker.publish(complete_event("12345", "/a"))
    await broker.aclose()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", receiver.replace("9000", port)),
        env={**os.environ, "SIMULCAST_WEBHOOK_SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"download_complete 12345\n"
    finally:
        process.kill()
        await process.communicate()


async def test_the_program_gets_an_end(own_valkey: Valkey, own_broker: Broker) -> None:
    program, _ = blocks(PAGE, "python")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": own_valkey.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = asyncio.create_task(process.stdout.readline())
    try:
        async with asyncio.timeout(60):
            while not line.done():
                await own_broker.publish(complete_event("12345", "/a"))
                await asyncio.wait([line], timeout=0.2)
        assert line.result() == b"download_complete 12345\n"
    finally:
        process.kill()
        await process.communicate()
