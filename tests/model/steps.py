"""Clients that add downloads and command them, by a seed."""

import asyncio
import random
import secrets
from dataclasses import dataclass

from tests.model.calls import Caller, SentCommand
from tests.model.folder import digest
from tests.model.model import Model, ModelDownload
from tests.model.stage import FRONT_ENDS, Stage
from tests.model.worlds import Call, Contradiction, End

MAX_DOWNLOADS = 40
MAX_REPEATED = 8  # a record keeps the results of 16 commands
_ACTIONS = {"pause": 4, "resume": 4, "cancel": 2, "retry": 3, "delete": 3, "limit": 1}
_LIMITS = (0, 300_000, 2_000_000)


@dataclass
class Steps:
    """The steps of all clients."""

    stage: Stage
    model: Model
    stopping: asyncio.Event

    async def run(self, rng: random.Random, caller: Caller) -> None:
        """Play one client until it is time to stop. Raises Contradiction."""
        while not self.stopping.is_set():
            await asyncio.sleep(rng.uniform(0.05, 0.5))
            place, by_rest, step = rng.randrange(FRONT_ENDS), rng.random() < 0.5, rng.random()
            known = [download for download in self.model.downloads if download.download_id]
            if step < 0.02:
                await self.clear(place, by_rest, caller)
            elif not known or (step < 0.35 and len(known) < MAX_DOWNLOADS):
                await self._add(rng, place, caller)
            elif step < 0.42:
                await self._repeat(rng, rng.choice(known), place, by_rest, caller)
            else:
                await self._command(rng, rng.choice(known[-15:]), place, by_rest, caller)

    async def _add(self, rng: random.Random, place: int, caller: Caller) -> None:
        number = next(self.model.numbers)
        content = number.to_bytes(8) + rng.randbytes(int(10 ** rng.uniform(2, 5.7)))
        end: End = "error" if rng.random() < 0.15 else "complete"
        path = f"file-{number}.bin"
        files = rng.choice((self.stage.fast, self.stage.slow))
        if end == "complete":
            self.stage.fast.contents[path] = content
        download = self.model.add(number, files.url(path), digest(content), end)
        name = rng.choice((path, "same.bin"))
        call = Call("add")
        self.model.send(download, call)
        download_id = await caller.add(place, download.url, name)
        download.download_id = download_id or ""
        self.model.answer(download, call, "accepted" if download_id else None)

    async def _command(
        self, rng: random.Random, download: ModelDownload, place: int, by_rest: bool, caller: Caller
    ) -> None:
        action = rng.choices([*_ACTIONS], [*_ACTIONS.values()])[0]
        limit = rng.choice(_LIMITS) if action == "limit" else None
        with_file = action == "delete" and rng.random() < 0.5
        request = SentCommand(action, download.download_id, secrets.token_hex(8), with_file, limit)
        await self._send(download, request, place, by_rest, caller)

    async def delete(self, download: ModelDownload, caller: Caller) -> None:
        """Delete one download and its file."""
        request = SentCommand("delete", download.download_id, secrets.token_hex(8), with_file=True)
        await self._send(download, request, 0, True, caller)

    async def _send(
        self,
        download: ModelDownload,
        request: SentCommand,
        place: int,
        by_rest: bool,
        caller: Caller,
        is_repeated: bool = False,
    ) -> None:
        call = Call(request.action, request.with_file, request.limit or None, is_repeated=is_repeated)
        self.model.send(download, call)
        answer = await caller.command(place, request, by_rest)
        download.requests.append((request, answer))
        self.model.unanswered += answer is None
        self.model.answer(download, call, answer)

    async def _repeat(
        self, rng: random.Random, download: ModelDownload, place: int, by_rest: bool, caller: Caller
    ) -> None:
        if not download.requests:
            return
        request, first = rng.choice(download.requests[-MAX_REPEATED:])
        if first is None:
            await self._send(download, request, place, by_rest, caller, is_repeated=True)
            return
        is_loose = self.model.is_loose
        answer = await caller.command(place, request, by_rest)
        download.trace.append(f"{self.model.now()} {request.action} sent again: {answer} after {first}")
        is_deletion = request.action == "delete" and first == "accepted"
        is_explained = answer in (None, first) or (answer == "unknown_download" and not is_deletion)
        if not (is_explained or is_loose or self.model.is_loose):
            raise Contradiction(f"{download.download_id}: {request} was answered {first}, and then {answer}")

    async def clear(self, place: int, by_rest: bool, caller: Caller) -> None:
        with self.model.clearing() as answers:
            answer = await caller.command(place, SentCommand("clear", "", secrets.token_hex(8)), by_rest)
            answers += [answer] if answer else []
