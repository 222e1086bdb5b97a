"""What clients do to each other: nothing, whatever they do."""

import asyncio
import contextlib
import json
import random
import socket

import pytest

from simulcast.broker import Broker
from simulcast.frontend.transport.rate_limit import BURST, MAX_QUEUED_COMMANDS, MESSAGES_PER_S
from simulcast.model.events import complete_event, progress_event
from tests.conditions import eventually, until
from tests.programs import StartFrontEnd
from tests.raw_client import raw_client
from tests.service import FrontEnd, collect
from tests.valkey import Valkey


@pytest.mark.long
async def test_clients_that_come_and_go_all_the_time_cost_the_others_nothing(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    stable = [await running.connect() for _ in range(10)]
    over = asyncio.Event()

    async def come_and_go() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError, EOFError):
                connection = await running.connect()
                if random.random() < 0.5:
                    connection.transport.abort()
                else:
                    await connection.close()

    async def publish() -> None:
        for n in range(1500):
            await broker.publish({"n": n})
        over.set()

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(come_and_go())
        seen = [group.create_task(collect(connection, '"n":1499')) for connection in stable]
        group.create_task(publish())
    for task in seen:
        assert [json.loads(text)["n"] for text in task.result()] == list(range(1500))
    for connection in stable:
        await connection.close()
    await broker.aclose()


@pytest.mark.long
async def test_fifty_clients_that_never_read_leave_memory_flat_and_converge_when_they_read(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    good = await running.connect()
    stalled = [raw_client(running, receive_buffer=4096) for _ in range(50)]
    filling = "x" * 10_000

    async def publish(rounds: int) -> None:
        for n in range(rounds):
            event = progress_event(str(n % 20), 0.5, n)
            await broker.publish({**event, "filling": filling})

    # What the sockets' own buffers take has been taken: from here on, memory must not grow with what is published.
    reading = asyncio.create_task(collect(good, "the end"))
    await publish(1000)
    before = running.rss_bytes
    await publish(3000)  # 30 MB, times 50 clients
    grown = running.rss_bytes - before
    await broker.publish(complete_event("0", "the end"))
    seen = [json.loads(text) for text in await reading]  # perhaps not all progress, where this machine is busy
    newest = {event["download_id"]: event["speed"] for event in seen[:-1]}
    assert sorted(newest.values()) == list(range(2980, 3000))
    assert grown < 20_000_000, f"grew by {grown:,} bytes"

    async def converge(connection: socket.socket) -> None:
        connection.setblocking(False)
        received = b""
        while b"the end" not in received:
            chunk = await asyncio.get_running_loop().sock_recv(connection, 1_000_000)
            assert chunk, "cut instead of served"
            received = received[-100:] + chunk

    async with asyncio.timeout(60):
        await asyncio.gather(*map(converge, stalled))
    for connection in stalled:
        connection.close()
    await good.close()
    await broker.aclose()


HOSTILE: list[str | bytes] = [
    "Hello from Flutter!",
    "",
    "[]",
    "5",
    '{"action":"fly"}',
    '{"action":{"a":1},"download_id":[]}',
    '{"action":"pause_download","download_id":"\\u0000"}',
    '{"action":"pause_download","download_id":"nobody","command_id":7}',
    "[" * 3000,
    '{"a":' * 3000,
    b"binary",
    b"",
]


async def test_nothing_that_a_client_says_harms_it_or_the_others(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    witness, hostile = await shared_front_end.connect(), await shared_front_end.connect()
    for message in HOSTILE:
        await hostile.send(message)
    await hostile.send('{"action":"pause_download","download_id":"last"}')
    answers = [json.loads(text) for text in await collect(hostile, "last")]
    assert [answer.get("code", answer.get("reason")) for answer in answers] == [
        "not_an_object",
        "not_an_object",
        "unknown_action",
        "unknown_action",
        "unknown_download",
        "invalid_member",
        "invalid_json",
        "too_large",
        "unknown_download",
    ]
    await shared_broker.publish({"type": "still here"})
    for connection in (witness, hostile):
        await collect(connection, "still here")
        await connection.close()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param(b"\x81\xff" + (10_000_000).to_bytes(8) + bytes(4) + b"x" * 10_000_000, 1009, id="10 MB"),
        pytest.param(b"\x81\xfe" + (17_000).to_bytes(2) + bytes(4) + b"[" * 17_000, 1009, id="17,000 brackets"),
        pytest.param(
            (b"\x01\x80" + bytes(4) + (b"\x00\xfe" + (9000).to_bytes(2) + bytes(4) + b"x" * 9000) * 2),
            1009,
            id="fragments",
        ),
        pytest.param(b"\x81\x82\x00\x00\x00\x00\xff\xfe", 1007, id="not UTF-8"),
        pytest.param(b"\x83\x80\x00\x00\x00\x00", 1002, id="reserved opcode"),
        pytest.param(b"\x81\x01x", 1002, id="not masked"),
    ],
)
async def test_frames_beyond_what_is_allowed_close_that_connection_alone(
    frames: bytes, code: int, shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    witness = await shared_front_end.connect()

    def send() -> bytes:
        with raw_client(shared_front_end) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(frames)
            received = b""
            with contextlib.suppress(OSError):
                while chunk := connection.recv(100):
                    received += chunk
            return received

    received = await asyncio.to_thread(send)
    if received:  # a reset may overtake the close frame while the client still sends
        assert (received[0], int.from_bytes(received[2:4])) == (0x88, code)
    await shared_broker.publish({"type": "still here"})
    await collect(witness, "still here")
    await witness.close()


async def test_clients_that_left_are_forgotten(shared_front_end: FrontEnd) -> None:
    connections = [await shared_front_end.connect() for _ in range(20)]

    async def are_counted() -> bool:
        return (await shared_front_end.get("/ready"))[1]["clients"] == len(connections)

    await eventually(are_counted, "twenty clients, and none of those before")
    for connection in connections[:10]:
        connection.transport.abort()
    for connection in connections[10:]:
        await connection.close()
    counted: list[object] = []

    async def count() -> None:
        while not counted or counted[-1] != 0:
            counted.append((await shared_front_end.get("/ready"))[1]["clients"])

    counting = asyncio.create_task(count())
    await until(counting.done, "no client left")


@pytest.mark.parametrize("raw", [True, False])
async def test_commands_in_a_row_are_all_obeyed_no_faster_than_they_may(front_end: StartFrontEnd, raw: bool) -> None:
    running = await front_end(raw=raw)
    loop = asyncio.get_running_loop()
    async with await running.connect() as client:
        began = loop.time()
        for n in range(BURST + MESSAGES_PER_S):
            await client.send(f'{{"action":"pause_download","download_id":"{n}"}}')
        answers = [json.loads(text) for text in await collect(client, f'"{BURST + MESSAGES_PER_S - 1}"')]
        assert loop.time() - began > 0.5
    assert {answer["reason"] for answer in answers} == {"unknown_download"}
    assert len(answers) == BURST + MESSAGES_PER_S


async def test_a_flood_of_commands_ends_that_client_and_costs_the_others_nothing(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    witness = await shared_front_end.connect()
    command = b'{"action":"pause_download","download_id":"1"}'
    flood = (b"\x81" + bytes([0x80 | len(command)]) + bytes(4) + command) * 5000

    def send() -> bytes:
        with raw_client(shared_front_end) as connection:
            connection.sendall(flood)
            received = b""
            with contextlib.suppress(OSError):
                while chunk := connection.recv(100_000):
                    received += chunk
            return received

    received = await asyncio.to_thread(send)
    assert received.count(b'"rate_limited"') == 1
    assert received.count(b'"unknown_download"') <= BURST + MAX_QUEUED_COMMANDS
    assert b"\x88" in received and (1008).to_bytes(2) in received
    await shared_broker.publish({"type": "still here"})
    await collect(witness, "still here")
    await witness.close()
