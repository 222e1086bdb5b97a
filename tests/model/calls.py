"""A client that sends one command at a time, by REST or by its WebSocket, to a front-end that may be away."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import cast

import aiohttp
import websockets
from websockets.asyncio.client import ClientConnection

from tests.model.worlds import ANSWERS, Answer
from tests.service import FrontEnd

ANSWER_S = 4.0
_NAMES = {"clear": "clear_finished"}


@dataclass(frozen=True, slots=True)
class SentCommand:
    """One command as it goes over the wire."""

    action: str
    download_id: str
    command_id: str
    with_file: bool = False
    limit: int | None = None

    def message(self) -> str:
        """Return it as a message of a WebSocket."""
        members: dict[str, object] = {
            "action": _NAMES.get(self.action, f"{self.action}_download"),
            "command_id": self.command_id,
        }
        if self.action != "clear":
            members["download_id"] = self.download_id
        if self.with_file:
            members["file"] = True
        if self.limit is not None:
            members["bytes_per_s"] = self.limit
        return json.dumps(members)

    def rest(self) -> tuple[str, str, object]:
        """Return it as method, path and body."""
        query = f"?command_id={self.command_id}"
        match self.action:
            case "clear":
                return "POST", f"/downloads/clear{query}", {}
            case "delete":
                return "DELETE", f"/downloads/{self.download_id}{query}{'&file=true' * self.with_file}", None
            case "limit":
                return "POST", f"/downloads/{self.download_id}/limit{query}", {"bytes_per_s": self.limit}
        return "POST", f"/downloads/{self.download_id}/{self.action}{query}", {}


@dataclass
class Caller:
    """`front_ends`: shared with the stage, whose entries change."""

    front_ends: list[FrontEnd]
    session: aiohttp.ClientSession
    sockets: dict[int, ClientConnection] = field(default_factory=dict)

    async def add(self, place: int, url: str, name: str) -> str | None:
        """Submit a download; return its id, or None where no answer came."""
        status, body = await self._request(place, "POST", "/downloads", {"url": url, "name": name})
        assert status in (0, 201, 503), (status, body)
        return str(body["download_id"]) if status == 201 else None

    async def command(self, place: int, request: SentCommand, by_rest: bool) -> Answer | None:
        """Return the answer, or None where none came and the command may have been carried out."""
        return await (self._by_rest if by_rest else self._by_socket)(place, request)

    async def _by_rest(self, place: int, request: SentCommand) -> Answer | None:
        status, body = await self._request(place, *request.rest())
        assert status in (0, 200, 404, 409, 503), (request, status, body)
        answers: dict[int, Answer] = {200: "accepted", 404: "unknown_download", 409: "invalid_transition"}
        return answers.get(status)

    async def _request(self, place: int, method: str, path: str, body: object) -> tuple[int, dict[str, object]]:
        address = f"http://127.0.0.1:{self.front_ends[place].port}{path}"
        try:
            async with self.session.request(method, address, json=body) as response:
                return response.status, cast(dict[str, object], await response.json())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0, {}

    async def _by_socket(self, place: int, request: SentCommand) -> Answer | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                socket = self.sockets.get(place)
                if socket is None:
                    address = f"{self.front_ends[place].ws}?download_id=none"
                    socket = self.sockets[place] = await websockets.connect(address, proxy=None)
                await socket.send(request.message())
                while True:
                    result = json.loads(await socket.recv())
                    if result.get("command_id") == request.command_id:
                        break
        except (TimeoutError, OSError, websockets.WebSocketException):
            if socket := self.sockets.pop(place, None):
                socket.transport.abort()
            return None
        if result["status"] == "accepted":
            return "accepted"
        return next((answer for answer in ANSWERS if answer == result["reason"]), None)

    async def aclose(self) -> None:
        for socket in self.sockets.values():
            socket.transport.abort()
        await self.session.close()


def caller(front_ends: list[FrontEnd]) -> Caller:
    """Return a client whose answers are late after ANSWER_S."""
    return Caller(front_ends, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)))
