"""A real download, seen by a real client."""

import hashlib
import json
import random
from pathlib import Path

import pytest

from simulcast.gateway import Gateway
from tests.conditions import until
from tests.file_server import serve_files
from tests.programs import StartFrontEnd, StartWorker
from tests.service import collect


async def test_a_download_is_seen_from_queued_to_complete_and_its_file_is_right(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path
) -> None:
    running = await front_end()
    worker()
    texts: list[str] = []
    states: list[bool] = []
    async with serve_files() as files, Gateway(host="127.0.0.1", port=running.port) as gateway:
        gateway.on_websocket_message = texts.append
        gateway.on_websocket_status_change = states.append
        await until(lambda: gateway.is_websocket_connected, "the connection")
        files.contents["big.iso"] = random.Random(1).randbytes(50_000_000)
        files.bytes_per_s = 40_000_000
        status, record = await running.post("/downloads", {"url": files.url("big.iso")})
        assert status == 201
        await until(lambda: any("download_complete" in text for text in texts), "the end", 60)
    events = [json.loads(text) for text in texts]
    assert all(event["download_id"] == record["download_id"] for event in events)
    types = [event["type"] for event in events]
    assert types[:2] == ["download_queued", "download_started"]
    assert types[-2:] == ["download_progress", "download_complete"]
    progress = [event["progress"] for event in events if event["type"] == "download_progress"]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0 and all(value < 1 for value in progress[:-1])
    assert len(progress) > 2
    assert all('"progress":1.0' in text or '"progress":0.' in text for text in texts)
    path = Path(events[-1]["file_path"])
    assert path == tmp_path / "downloads/big.iso"
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(files.contents["big.iso"]).digest()
    assert list(path.parent.iterdir()) == [path]


async def test_a_download_that_can_not_be_is_told_with_a_reason_that_a_person_understands(
    front_end: StartFrontEnd, worker: StartWorker
) -> None:
    running = await front_end()
    worker()
    connection = await running.connect()
    async with serve_files() as files:
        await running.post("/downloads", {"url": files.url("missing")})
        event = json.loads((await collect(connection, "download_error"))[-1])
    assert "404" in event["error_message"]
    await connection.close()


async def test_private_addresses_are_not_fetched_unless_they_are_allowed(
    front_end: StartFrontEnd, worker: StartWorker
) -> None:
    running = await front_end()
    worker(SIMULCAST_ALLOW_NETWORKS="")
    connection = await running.connect()
    async with serve_files() as files:
        files.contents["a"] = b"secret"
        await running.post("/downloads", {"url": files.url("a")})
        event = json.loads((await collect(connection, "download_error"))[-1])
        assert "SIMULCAST_ALLOW_NETWORKS" in event["error_message"]
        assert files.asked == 0
    await connection.close()


@pytest.mark.parametrize("dies_at", ["", "after the rename"])
async def test_clients_are_told_the_folder_that_they_know_and_the_file_is_found_in_the_real_one(
    front_end: StartFrontEnd, worker: StartWorker, tmp_path: Path, dies_at: str
) -> None:
    running = await front_end()
    public = {"SIMULCAST_PUBLIC_DOWNLOAD_DIR": "/srv/on the host/", "SIMULCAST_LEASE_S": "1"}
    file = tmp_path / "downloads/a.bin"
    async with serve_files() as files, await running.connect() as connection:
        files.contents["a.bin"] = b"what is downloaded"
        _, record = await running.post("/downloads", {"url": files.url("a.bin")})
        first = worker(dies_at=dies_at, **public)
        if dies_at:
            await until(lambda: first.process.poll() is not None, "the first worker's death")
            worker(**public)
        event = json.loads((await collect(connection, "download_complete"))[-1])
        assert event["file_path"] == "/srv/on the host/a.bin"
        path = f"/downloads/{record['download_id']}"
        assert (await running.get(path))[1]["file_path"] == event["file_path"]
        assert file.read_bytes() == files.contents["a.bin"]
        assert (files.asked, list(file.parent.iterdir())) == (1, [file])
        await running.delete(f"{path}?file=true")
        await until(lambda: not file.exists(), "the file's end")
