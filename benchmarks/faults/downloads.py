"""Downloads beside the publishers' load: submitted all the time, and commanded by REST and over WebSocket.

Each download has a script of commands. A command without an answer is sent again, with the same command_id.
"""

import asyncio
import hashlib
import itertools
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks.faults.judge import ACTIVE, Answer, Download, Evidence, Given, strays
from tests.conditions import eventually
from tests.file_server import Files, serve_files

SCRIPTS = (("pause", "resume"), ("cancel",), (), ("delete",), ("pause",), ("cancel", "retry"), ("pause", "delete"))
MIN_FILE_BYTES, MAX_FILE_BYTES = 16 * 1024, 320 * 1024
BYTES_PER_S = 192 * 1024
PERIOD_S = 0.15  # between two submissions
MAX_UNDER_WAY = 60  # scripts that wait for answers
COMMAND_DELAY_S = (0.0, 0.8)
REPEAT_DELAY_S = 0.3
ANSWER_S = 12.0  # how long a front-end may take
GIVEN_UP_S = 45.0  # after which a command is not sent again
SETTLED_S = 60.0
REMOVED_S = 4.0  # in which workers remove the files of ended downloads
SCANNED_S = 15.0
_ANSWERS: dict[object, Answer] = {200: "accepted", 404: "unknown_download", 409: "invalid_transition"}


class Downloads:
    """What was submitted and commanded. `unanswered`: how many calls of each kind were not possible at first."""

    def __init__(self, addresses: Sequence[str], files: Files, session: aiohttp.ClientSession) -> None:
        self.played: list[Download] = []
        self.unanswered: Counter[str] = Counter()
        self._addresses = addresses
        self._files = files
        self._session = session
        self._random = random.Random(1)
        self._scripts = itertools.cycle(SCRIPTS)
        self._is_over = asyncio.Event()
        self._under_way = 0

    @property
    def ids(self) -> list[str]:
        """The ids of all downloads whose submission was answered."""
        return [download.download_id for download in self.played if download.download_id]

    async def run(self) -> None:
        """Submit downloads until `settle`; return once every script has ended."""
        async with asyncio.TaskGroup() as group:
            while not self._is_over.is_set():
                if self._under_way < MAX_UNDER_WAY:
                    group.create_task(self._play(self._next(), next(self._scripts)))
                await asyncio.sleep(PERIOD_S)

    def _next(self) -> Download:
        name = f"{len(self.played):06}.bin"
        content = self._random.randbytes(self._random.randrange(MIN_FILE_BYTES, MAX_FILE_BYTES))
        self._files.contents[name] = content
        self.played.append(Download(name, hashlib.sha256(content).hexdigest()))
        return self.played[-1]

    async def _play(self, download: Download, script: Sequence[str]) -> None:
        self._under_way += 1
        try:
            status, record = await self._request("POST", "/downloads", {"url": self._files.url(download.name)})
            if status != 201:
                self.unanswered["submit"] += 1
                return
            download.download_id = str(record["download_id"])
            for action in script:
                await asyncio.sleep(self._random.uniform(*COMMAND_DELAY_S))
                download.commands.append(await self._command(download.download_id, action))
        finally:
            self._under_way -= 1

    async def _command(self, download_id: str, action: str) -> Given:
        """Send a command until its answer is final. A download must have ended before it can be deleted or retried."""
        gives_up_at = time.monotonic() + GIVEN_UP_S
        command_id, is_repeated = self._random.randbytes(8).hex(), False
        while True:
            via = self._random.choice(("rest", "websocket"))
            send = self._send_by_rest if via == "rest" else self._send_by_websocket
            answer = await send(download_id, action, command_id)
            given = Given(action, command_id, via, answer, is_repeated)
            if answer == "accepted" or time.monotonic() > gives_up_at:
                return given
            if answer == "invalid_transition":
                if action in ("pause", "resume", "cancel") or not await self._may_come_true(download_id, action):
                    return given
                command_id = self._random.randbytes(8).hex()  # that of before would get the same answer
            else:
                self.unanswered[f"{action}: {answer}"] += 1
                is_repeated = True
            await asyncio.sleep(REPEAT_DELAY_S)

    async def _may_come_true(self, download_id: str, action: str) -> bool:
        _, record = await self._request("GET", f"/downloads/{download_id}")
        return not (action == "retry" and record.get("state") == "complete")

    async def _send_by_rest(self, download_id: str, action: str, command_id: str) -> Answer:
        path, query = f"/downloads/{download_id}", f"?command_id={command_id}"
        if action == "delete":
            status, _ = await self._request("DELETE", f"{path}{query}&file=true")
        else:
            status, _ = await self._request("POST", f"{path}/{action}{query}", {})
        return _ANSWERS.get(status, "unavailable")

    async def _send_by_websocket(self, download_id: str, action: str, command_id: str) -> Answer:
        address = self._random.choice(self._addresses).replace("http", "ws", 1)
        command: dict[str, object] = {"action": f"{action}_download", "download_id": download_id}
        command |= {"command_id": command_id} | ({"file": True} if action == "delete" else {})
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                connect(f"{address}/ws?download_id={download_id}", close_timeout=1, proxy=None) as connection,
            ):
                await connection.send(json.dumps(command))
                async for text in connection:
                    result = json.loads(text)
                    if result.get("type") == "command_result":
                        return "accepted" if result["status"] == "accepted" else result["reason"]
        except (OSError, WebSocketException, TimeoutError):
            pass
        return "unavailable"

    async def _request(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        """Return the status and the body; 0 where there is no answer, or one of 5xx."""
        address = self._random.choice(self._addresses)
        try:
            async with self._session.request(method, f"{address}{path}", json=body) as response:
                return (0, {}) if response.status >= 500 else (response.status, await response.json())
        except (OSError, aiohttp.ClientError, TimeoutError):
            return 0, {}

    async def settle(self, folder: Path, start_worker: Callable[[], None]) -> None:
        """Submit no more, and wait for the end of each script and each download, and for the removal of files.

        Part files of workers that died are removed by a scan, which a worker makes when it starts: made older, they
        are removed now.
        """
        self._is_over.set()

        async def is_settled() -> bool:
            states = {str(record["state"]) for record in (await self._records()).values()}
            return not self._under_way and not states & ACTIVE

        async def is_tidy() -> bool:
            return not strays(await self.evidence(folder))

        with suppress(AssertionError):  # the judge finds out what is left
            await eventually(is_settled, "the end of all downloads", SETTLED_S)
            try:
                await eventually(is_tidy, "files that records name", REMOVED_S)
            except AssertionError:
                for name in strays(await self.evidence(folder)):
                    os.utime(folder / name, (0, 0))
                start_worker()
                await eventually(is_tidy, "files that records name", SCANNED_S)

    async def evidence(self, folder: Path) -> Evidence:
        """Return what the records and the folder say now."""
        records, files = await self._records(), dict[str, str]()
        for path in folder.glob("*"):
            with suppress(FileNotFoundError):  # a worker removes it in this moment
                files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return Evidence(self.played, records, files)

    async def _records(self) -> dict[str, dict[str, object]]:
        records: dict[str, dict[str, object]] = {}
        while True:
            status, page = await self._request("GET", f"/downloads?limit=500&offset={len(records)}&order=asc")
            if status != 200:
                await asyncio.sleep(REPEAT_DELAY_S)
                continue
            downloads = page["downloads"]
            assert isinstance(downloads, list)
            records |= {str(record["download_id"]): record for record in downloads}
            if len(downloads) < 500:
                return records


@asynccontextmanager
async def downloading(addresses: Sequence[str]) -> AsyncIterator[Downloads]:
    """Submit and command downloads at the front-ends of these addresses, from a file server of their own."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with serve_files() as files, aiohttp.ClientSession(timeout=timeout) as session:
        files.bytes_per_s = BYTES_PER_S
        downloads = Downloads(addresses, files, session)
        task = asyncio.create_task(downloads.run(), name="downloads")
        try:
            yield downloads
        finally:
            task.cancel()
            await asyncio.wait([task])
