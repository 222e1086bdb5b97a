"""Every example runs, as its reader would run it: from a clone, beside a running service."""

import asyncio
import os
import signal
import sys

from tests.conditions import eventually
from tests.programs import StartFrontEnd
from tests.service import ROOT
from tests.valkey import Valkey


async def test_the_publisher_reaches_the_client(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    running = await front_end()
    source = (ROOT / "examples/watch.py").read_text().replace("8080", str(running.port))
    watching = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", source),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert watching.stdout is not None

    async def connected() -> bool:
        return (await running.get("/ready"))[1].get("clients") == 1

    await eventually(connected, "the client's connection")
    environment = {**os.environ, "REDIS_URL": own_valkey.url, "PYTHONPATH": str(ROOT)}
    publishing = await asyncio.create_subprocess_exec(sys.executable, "examples/publish.py", cwd=ROOT, env=environment)
    async with asyncio.timeout(30):
        assert await publishing.wait() == 0
        lines = [await watching.stdout.readline() for _ in range(12)]
    assert b'"progress":0.0' in lines[0]
    assert b'"progress":1.0' in lines[10]
    assert b"download_complete" in lines[11]
    watching.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        _, errors = await watching.communicate()
    assert b"Traceback" not in errors
