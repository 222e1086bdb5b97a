"""Hostile clients of one address, with everything that one address may have: connections, channels, views, positions.

    python -m benchmarks.neighbours.hostile PORT REDIS_URL ADDRESS CONNECTIONS SEED

Each connection draws a way of joining, channels, an interval and a way of reading, stays for a while, and begins again.
Ends at the line `stop`, and writes what it did as one JSON line.
"""

import asyncio
import json
import random
import signal
import socket
import sys
from collections import Counter
from contextlib import suppress
from typing import cast

import redis.asyncio

from benchmarks.faults.network import dropped, why_no_packets_can_be_dropped
from simulcast.broker import build_publish_call
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.events import Event, encode

FULL_CHANNELS = [f"full-{number}" for number in range(6)]
EVENT_BYTES = 16_000
FULL_EVENTS = 2_200  # of 16 KB, so that history is at its bound of 32 MiB
FULL_KEYS = 500  # a snapshot of 8 MB
FULL_RATE = 2.0  # events a second of each full channel
MAX_NAMES = 4_000  # an address may be the first to name 2,500
INTERVALS_MS = range(100, 30_100, 100)
CONNECTIONS_PER_WAVE = 250  # of which VANISHING vanish, and as many as CROWD are kept for crowds
CROWD, VANISHING = 50, 15  # iptables matches 15 ports in one rule
DRIP_BYTES = (1_000, 8_000)  # a second
VANISHED_S = 75.0  # longer than a front-end waits for an acknowledgement
OTHER_EPOCH = "1-1"
REQUEST = "GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-forwarded-for: {address}\r\n{more}\r\n"
UPGRADE = (
    "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
PROTOCOLS = ("", "", "sec-websocket-protocol: simulcast.v1\r\n", "sec-websocket-protocol: simulcast.flat\r\n")
COMPRESSIONS = ("", "sec-websocket-extensions: permessage-deflate\r\n")


def full_event(channel: str, number: int) -> tuple[str | bytes | int, ...]:
    """Return the words of the call that publishes a large event to a full channel."""
    event = encode({"type": "note", "number": number, "text": "x" * EVENT_BYTES}, f"k{number % FULL_KEYS}")
    assert isinstance(event, Event)
    return tuple(build_publish_call(ChannelNames(channel), event, ""))


def fill(client: redis.Redis) -> None:
    """Publish until the history of each full channel is at its bound."""
    for channel in FULL_CHANNELS:
        for first in range(0, FULL_EVENTS, 100):
            with client.pipeline(transaction=False) as pipe:
                for number in range(first, first + 100):
                    pipe.execute_command(*full_event(channel, number))
                pipe.execute()


class Neighbours:
    """Everything that comes from one address."""

    def __init__(self, port: int, address: str, seed: int) -> None:
        self._port, self._address = port, address
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self.first: dict[str, str] = {}  # the oldest position in the history of each full channel
        self.counts: Counter[str] = Counter()

    def start(self, connections: int, redis_url: str) -> None:
        """Begin with all of them, in tasks."""
        waves = connections // CONNECTIONS_PER_WAVE
        slots = [self._stay_again() for _ in range(connections - waves * (CROWD + VANISHING))]
        vanish = [] if why_no_packets_can_be_dropped() else [self._vanish_again() for _ in range(waves)]
        crowd = self._return_again(waves * CROWD)
        self._tasks = {
            asyncio.create_task(one) for one in (*slots, *vanish, crowd, self._publish(redis_url, FULL_RATE))
        }

    async def stop(self) -> None:
        """Leave. Asks again every second: a cancellation may be taken for a connection's end, which begins anew."""
        pending = self._tasks
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1)
        for task in self._tasks:
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _publish(self, redis_url: str, rate: float) -> None:
        async with redis.asyncio.from_url(redis_url, protocol=2) as client:
            number = FULL_EVENTS
            while True:
                for channel in FULL_CHANNELS:
                    await client.execute_command(*full_event(channel, number))
                    oldest = await client.xrange(ChannelNames(channel).history, count=1)
                    self.first[channel] = cast(list[tuple[bytes, object]], oldest)[0][0].decode()
                number += 1
                await asyncio.sleep(1 / rate)

    async def _stay_again(self) -> None:
        await asyncio.sleep(self._random.uniform(0, 20))
        while True:
            try:
                await self._stay()
            except OSError:
                self.counts["cut"] += 1
                await asyncio.sleep(1)

    async def _return_again(self, clients: int) -> None:
        """Send crowds with positions of another epoch."""
        while True:
            await asyncio.sleep(self._random.uniform(3, 12))
            self.counts["crowds of another epoch"] += 1
            target = f"/ws?channel={self._random.choice([DEFAULT_CHANNEL, *FULL_CHANNELS])}&since={OTHER_EPOCH}"
            crowd: list[socket.socket] = []
            try:
                for _ in range(clients):
                    with suppress(OSError):
                        crowd.append(await self._join(target, UPGRADE, 4096))
                await asyncio.sleep(self._random.uniform(0, 5))
            finally:
                for connection in crowd:
                    connection.close()

    async def _vanish_again(self) -> None:
        """Join, and let no packet reach the front-end any more."""
        while True:
            await asyncio.sleep(self._random.uniform(0, 20))
            gone: list[socket.socket] = []
            try:
                for _ in range(VANISHING):
                    gone.append(await self._join(*self._request(self._channels()), 4096))
                await asyncio.sleep(1)
                ports = ",".join(str(connection.getsockname()[1]) for connection in gone)
                with dropped("-s", "127.0.0.1", "--dport", str(self._port), "-m", "multiport", "--sports", ports):
                    self.counts["vanished"] += len(gone)
                    await asyncio.sleep(VANISHED_S)
            except OSError:
                self.counts["cut"] += 1
            finally:
                for connection in gone:
                    connection.close()

    def _channels(self) -> list[str]:
        draw = self._random.random()
        made_up = f"visited-{self._random.randrange(MAX_NAMES)}"
        if draw < 0.4:
            return [DEFAULT_CHANNEL]
        if draw < 0.6:
            return [self._random.choice(FULL_CHANNELS)]
        if draw < 0.95:
            return [made_up]
        names = [f"visited-{self._random.randrange(MAX_NAMES)}" for _ in range(43)]
        return list(dict.fromkeys([DEFAULT_CHANNEL, *FULL_CHANNELS, *names]))

    def _request(self, channels: list[str]) -> tuple[str, str]:
        query = [f"channel={channel}" for channel in channels]
        if self._random.random() < 0.5:
            query.append(f"interval_ms={self._random.choice(INTERVALS_MS)}")
        if self._random.random() < 0.1:
            query.append(f"download_id=k{self._random.randrange(FULL_KEYS)}")
        since = {channel: self.first.get(channel, OTHER_EPOCH) for channel in channels}
        if self._random.random() < 0.6:
            named = (f"{channel}:{position}" if len(channels) > 1 else position for channel, position in since.items())
            query.append(f"since={','.join(named)}")
        if self._random.random() < 0.3:
            return f"/events?{'&'.join(query)}", ""
        return f"/ws?{'&'.join(query)}", UPGRADE + self._random.choice(PROTOCOLS) + self._random.choice(COMPRESSIONS)

    async def _join(self, target: str, more: str, receive_buffer: int) -> socket.socket:
        """Return a connection that has sent its request. Raises OSError."""
        connection = socket.socket()
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, ("127.0.0.1", self._port))
            request = REQUEST.format(target=target, address=self._address, more=more)
            await loop.sock_sendall(connection, request.encode())
        except BaseException:
            connection.close()
            raise
        return connection

    async def _stay(self) -> None:
        """Be one client, for some time. Raises OSError when it is cut."""
        channels, draw = self._channels(), self._random.random()
        target, more = self._request(channels)
        with await self._join(target, more, 4096) as connection:
            if draw < 0.4:
                self.counts["read nothing"] += 1
                if more and self._random.random() < 0.5:
                    await asyncio.sleep(1)
                    await self._subscribe(connection)
                await asyncio.sleep(self._random.uniform(5, 90))
            elif draw < 0.65:
                self.counts["left"] += 1
                await asyncio.sleep(self._random.uniform(0, 0.5))
            elif draw < 0.85:
                self.counts["dripped"] += 1
                await self._read(connection, self._random.randrange(*DRIP_BYTES))
            else:
                self.counts["read"] += 1
                await self._read(connection, 200_000)
        if draw < 0.65:
            await asyncio.sleep(self._random.uniform(0, 10))

    async def _subscribe(self, connection: socket.socket) -> None:
        command = json.dumps({"action": "subscribe", "channel": self._random.choice(FULL_CHANNELS)}).encode()
        await asyncio.get_running_loop().sock_sendall(
            connection, bytes([0x81, 0x80 | len(command), 0, 0, 0, 0]) + command
        )

    async def _read(self, connection: socket.socket, bytes_per_s: int) -> None:
        loop = asyncio.get_running_loop()
        head = await loop.sock_recv(connection, 100)
        if not head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
            self.counts[f"refused with {head[9:12].decode(errors='replace')}"] += 1
            return
        until = loop.time() + self._random.uniform(10, 90)
        while loop.time() < until:
            async with asyncio.timeout(90):
                chunk = await loop.sock_recv(connection, min(bytes_per_s, 65536))
            if not chunk:
                raise ConnectionResetError
            await asyncio.sleep(len(chunk) / bytes_per_s)


async def main() -> None:
    port, redis_url, address, connections, seed = sys.argv[1:]
    # The end of stdin ends it, too, and takes out the rules of iptables.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    neighbours = Neighbours(int(port), address, int(seed))
    neighbours.start(int(connections), redis_url)
    await asyncio.to_thread(sys.stdin.readline)
    await neighbours.stop()
    print(json.dumps(neighbours.counts), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
