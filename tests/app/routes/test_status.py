"""`GET /status`."""

import asyncio

from simulcast.process_registry import ProcessRegistry
from tests.conditions import eventually
from tests.ports import free_port
from tests.programs import StartFrontEnd, StartWorker
from tests.valkey import Valkey


async def test_all_processes_are_shown_without_channels_and_admin_ports(
    front_end: StartFrontEnd, worker: StartWorker, own_valkey: Valkey
) -> None:
    running = await front_end(SIMULCAST_ADMIN_PORT=str(free_port()))
    worker()
    registry = ProcessRegistry.connect(own_valkey.url)

    async def has_all() -> bool:
        processes = await registry.processes()
        return bool(processes.workers) and any(record.clients_by_channel for record in processes.front_ends)

    async with await running.connect("?channel=secret"):
        await eventually(has_all, "a worker, and a front-end with a client")
        (record,) = (await registry.processes()).front_ends
        answers = await asyncio.gather(*(running.get("/status") for _ in range(20)))
    await registry.aclose()
    assert record.admin and record.clients_by_channel == {"secret": 1}
    for status, found in answers:
        assert status == 200 and found["other_jobs"] == {}
        assert "secret" not in str(found) and record.admin not in str(found)
        assert f"'clients': {record.clients}" in str(found["front_ends"]) and found["workers"]
