"""A front-end that follows very many channels, far from Redis: what it costs while idle, and how it returns."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from websockets.asyncio.client import ClientConnection, connect

from simulcast.broker import build_publish_call
from simulcast.model.channel import ChannelNames
from simulcast.model.events import Event, encode
from tests.conditions import until
from tests.service import FrontEnd
from tests.valkey import Valkey

CHANNELS_PER_CLIENT = 50
MAX_JOINING = 20  # clients
DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Restart:
    """`commands_s`: that Redis carried out each second while nothing was published, with those inside functions.

    `calls_s`: of these, the ones that came over the network. `return_s`: from the first answer of the restarted Redis
    until an event of every channel had arrived, which was published then.
    """

    channels: int
    joined_s: float
    commands_s: float
    calls_s: float
    return_s: float


class Arrivals:
    """The clients, and when the event of each channel arrived last."""

    def __init__(self) -> None:
        self.rounds: dict[str, int] = {}

    async def read(self, client: ClientConnection) -> None:
        """Note what arrives, until the connection ends."""
        async for text in client:
            event = json.loads(text)
            if "round" in event:
                self.rounds[event["channel"]] = event["round"]

    def count(self, number: int) -> int:
        """Return how many channels have the event of that round."""
        return sum(round_ == number for round_ in self.rounds.values())


@asynccontextmanager
async def delayed(port: int, delay_s: float) -> AsyncIterator[int]:
    """Yield a port that leads to the other one; each way takes `delay_s`."""
    loop, writers = asyncio.get_running_loop(), set[asyncio.StreamWriter]()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while data := await reader.read(65536):
                loop.call_later(delay_s, writer.write, data)
        except OSError:
            pass
        finally:
            writers.discard(writer)
        loop.call_later(delay_s, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(relay(reader, far_writer), relay(far_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in list(writers):
            writer.transport.abort()
        await until(lambda: not writers, "the end of all connections")


def _publish(valkey: Valkey, channels: Sequence[str], number: int) -> None:
    event = encode({"type": "note", "round": number})
    assert isinstance(event, Event)
    with valkey.admin() as client, client.pipeline(transaction=False) as pipe:
        for channel in channels:
            pipe.execute_command(*build_publish_call(ChannelNames(channel), event, ""))
        pipe.execute()


def _commands(valkey: Valkey) -> Counter[str]:
    with valkey.admin() as client:
        stats = client.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): int(one["calls"]) for name, one in stats.items()})


async def measured(channels: int, round_trip_s: float, idle_s: float, folder: Path) -> Restart:
    """Raises TimeoutError where an event does not arrive."""
    valkey = Valkey(folder / "valkey", options=("--appendfsync", "everysec")).start()
    names = [f"channel-{number}" for number in range(channels)]
    arrivals, joining = Arrivals(), asyncio.Semaphore(MAX_JOINING)
    async with AsyncExitStack() as stack:
        stack.callback(valkey.stop)
        port = await stack.enter_async_context(delayed(valkey.port, round_trip_s / 2))
        front_end = await FrontEnd(f"redis://127.0.0.1:{port}/0", folder / "log").ready()
        stack.callback(front_end.stop)

        async def join(first: int) -> None:
            async with joining:
                followed = names[first : first + CHANNELS_PER_CLIENT]
                query = "&".join(f"channel={name}" for name in followed)
                connecting = connect(f"{front_end.ws}?{query}", proxy=None, open_timeout=DEADLINE_S, ping_interval=None)
                attempts = aiter(connecting)  # again, where a busy front-end asks it to come back
                client = await anext(attempts)
            stack.push_async_callback(cast(AsyncGenerator[ClientConnection], attempts).aclose)  # closes the client, too
            stack.callback(asyncio.create_task(arrivals.read(client)).cancel)

        began = time.monotonic()
        await asyncio.gather(*(join(first) for first in range(0, channels, CHANNELS_PER_CLIENT)))
        joined_s = time.monotonic() - began

        async def arrive(number: int) -> float:
            began = time.monotonic()
            await asyncio.to_thread(_publish, valkey, names, number)
            await until(lambda: arrivals.count(number) == channels, f"round {number} of events", DEADLINE_S)
            return time.monotonic() - began

        await arrive(1)
        await asyncio.sleep(2)
        before = _commands(valkey)
        await asyncio.sleep(idle_s)
        commands = _commands(valkey) - before

        valkey.kill()
        await asyncio.to_thread(valkey.start)

        return_s = await arrive(2)
    calls = sum(commands[name] for name in ("fcall", "fcall_ro", "ping"))
    return Restart(channels, joined_s, commands.total() / idle_s, calls / idle_s, return_s)
