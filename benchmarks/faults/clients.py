"""Clients that share no code with ours: at each front-end one that keeps its position, a bare one, and one of SSE.

python -m benchmarks.faults.clients --folder FOLDER http://127.0.0.1:8080 http://127.0.0.1:8081
"""

import argparse
import asyncio
import json
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TextIO

import aiohttp
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from benchmarks.faults.journal import ENDS, THE_END, Kind, Seen

BARE_RETURNS_AFTER_S = 0.7  # the Flutter app waits 5 s
RETURNS_AFTER_S = 0.3
STAYS_S = 1.5  # after the end: what is told twice, or too late, would come by then
OPEN_TIMEOUT_S = 3.0
SSE_SILENCE_S = 25.0  # a heartbeat is due every 20 s
log = logging.getLogger("clients")


class Client:
    """One client and its journal. `finished`: once it has seen the end."""

    def __init__(self, name: str, journal: TextIO, addresses: list[str]) -> None:
        self.name = name
        self.joined = asyncio.Event()
        self.finished = asyncio.Event()
        self.position = ""
        self._journal = journal
        self._addresses = addresses

    async def run(self, talk: Callable[["Client", str], AsyncIterator[str]], moves: bool, pause_s: float) -> None:
        """Reads until cancelled. `moves`: whether it goes to the next front-end after a loss."""
        turn = 0
        while True:
            address = self._addresses[turn % len(self._addresses)]
            try:
                async for text in talk(self, address):
                    self.heard(text)
                log.info("%s: %s ended the connection", self.name, address)
            except (OSError, WebSocketException, aiohttp.ClientError, TimeoutError) as error:
                log.info("%s: %s: %r", self.name, address, error)
            turn += moves
            await asyncio.sleep(pause_s)

    def opened(self) -> None:
        self._write(Seen("opened", time.monotonic()))
        self.joined.set()

    def heard(self, text: str) -> None:
        found = json.loads(text)
        if found["type"] == "position":
            self.position = found["position"]
            return
        seen = _seen(found, time.monotonic())
        if seen.what == "got":
            self.position = seen.event_id or self.position
        elif not self.position:
            self.position = seen.event_id
        self._write(seen)
        if seen.key == THE_END:
            self.finished.set()

    def _write(self, seen: Seen) -> None:
        self._journal.write(seen.line())


def _seen(found: dict[str, object], at: float) -> Seen:
    if found["type"] == "hello":
        return Seen("hello", at, event_id=str(found["position"]), recovered=bool(found["recovered"]))
    key, number = str(found.get("download_id", "")), found.get("n")
    event, attempt = str(found["type"]).removeprefix("download_"), found.get("attempt")
    kind: Kind = "other"
    ident = "" if number is None else str(number)
    if event == "progress":
        kind = "progress"
    elif key:
        kind = "state"
        if number is None:
            number = found["change"]
            ident = f"{key}/{attempt}.{number}.{event}"
    return Seen(
        "got",
        at,
        ident,
        key,
        kind,
        number if isinstance(number, int) else -1,
        str(found.get("event_id", "")),
        is_end=event in ENDS,
        event=event,
        attempt=attempt if isinstance(attempt, int) else 0,
        overtaken=str(found.get("overtaken", "")),
        command_id=str(found.get("command_id", "")),
    )


async def keeping(client: Client, address: str) -> AsyncIterator[str]:
    """simulcast.v1: it names its position when it comes back. Its own pings tell it of a front-end that hangs."""
    query = f"?since={client.position}" if client.position else ""
    async with connect(
        f"{address.replace('http', 'ws', 1)}/ws{query}",
        subprotocols=[Subprotocol("simulcast.v1")],
        open_timeout=OPEN_TIMEOUT_S,
        ping_interval=1.5,
        ping_timeout=3,
        close_timeout=1,
        max_size=None,
        proxy=None,
    ) as connection:
        client.opened()
        async for text in connection:
            yield str(text)


async def bare(client: Client, address: str) -> AsyncIterator[str]:
    """As the Flutter app: no position, no pings."""
    url = f"{address.replace('http', 'ws', 1)}/ws"
    async with connect(
        url, open_timeout=OPEN_TIMEOUT_S, ping_interval=None, close_timeout=1, max_size=None, proxy=None
    ) as connection:
        client.opened()
        async for text in connection:
            yield str(text)


async def streaming(client: Client, address: str) -> AsyncIterator[str]:
    """Server-sent events, as a browser reads them (HTML standard, §9.2.6)."""
    headers = {"last-event-id": client.position} if client.position else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=OPEN_TIMEOUT_S, sock_read=SSE_SILENCE_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, read_bufsize=2**20) as session,
        session.get(f"{address}/events", headers=headers) as response,
    ):
        response.raise_for_status()
        client.opened()
        async for line in response.content:
            if line.startswith(b"data: "):
                yield line[6:].decode()


def _clients(addresses: list[str], folder: Path, bare_only: bool) -> Iterator[tuple[Client, asyncio.Task[None]]]:
    kinds = (
        ("kept", keeping, True, RETURNS_AFTER_S),
        ("bare", bare, False, BARE_RETURNS_AFTER_S),
        ("sse", streaming, True, RETURNS_AFTER_S),
    )
    for number in range(len(addresses)):
        from_own = addresses[number:] + addresses[:number]
        for kind, talk, moves, pause_s in kinds:
            if bare_only and kind != "bare":
                continue
            name = f"{kind}-{number}"
            client = Client(name, (folder / f"{name}.jsonl").open("w"), from_own)
            yield client, asyncio.create_task(client.run(talk, moves, pause_s), name=name)


async def run(addresses: list[str], folder: Path, bare_only: bool) -> None:
    """Until every client has seen the end, or SIGTERM. Makes the file `joined` once all are connected."""
    told_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_end.set)
    started = list(_clients(addresses, folder, bare_only))
    tasks = [task for _, task in started]

    async def all_finished() -> None:
        await asyncio.gather(*(client.joined.wait() for client, _ in started))
        (folder / "joined").touch()
        await asyncio.gather(*(client.finished.wait() for client, _ in started))
        await asyncio.sleep(STAYS_S)

    ends = [asyncio.create_task(all_finished()), asyncio.create_task(told_to_end.wait())]
    done, _ = await asyncio.wait([*ends, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (*ends, *tasks):
        task.cancel()
    await asyncio.gather(*ends, *tasks, return_exceptions=True)
    for task in done:
        task.result()  # a client that died of an error that nobody expected


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.clients", description=__doc__)
    parser.add_argument("addresses", nargs="+", help="of front-ends, http://host:port")
    parser.add_argument("--folder", type=Path, required=True, help="where journals go")
    parser.add_argument("--bare-only", action="store_true", help="for a server that knows no positions")
    flags = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    asyncio.run(run(flags.addresses, flags.folder, flags.bare_only))


if __name__ == "__main__":
    main()
