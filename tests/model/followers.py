"""Clients that follow all downloads, and the state of each by what they were sent."""

import asyncio
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from tests.service import FrontEnd

STATES = {
    "download_queued": "queued",
    "download_started": "running",
    "download_resumed": "running",
    "download_paused": "paused",
    "download_complete": "complete",
    "download_error": "error",
    "download_cancelled": "cancelled",
    "download_deleted": "deleted",
    "job_queued": "queued",
    "job_started": "running",
    "job_complete": "complete",
    "job_error": "error",
    "job_cancelled": "cancelled",
    "job_deleted": "deleted",
}
V1 = Subprotocol("simulcast.v1")
RECONNECT_S = 0.3
DEADLINE_S = 30.0


@dataclass
class Follower:
    """`states`: by download_id or job_id. `overtaken`: ends that came before the worker could cancel or pause.

    `repeated`: state events that came twice, though no gap had been announced.
    """

    name: str
    states: dict[str, str] = field(default_factory=dict)
    overtaken: set[str] = field(default_factory=set)
    repeated: list[str] = field(default_factory=list)
    history: dict[str, list[str]] = field(default_factory=dict)
    seen: Counter[tuple[object, ...]] = field(default_factory=Counter)

    def receive(self, text: str | bytes) -> None:
        """Take one message into account."""
        event = json.loads(text)
        if event.get("type") == "hello" and not event["recovered"]:
            self.states.clear()
            self.seen.clear()
        state = STATES.get(event.get("type"))
        if state is None:
            return
        key = str(event.get("download_id") or event["job_id"])
        identity = (key, event["attempt"], event["change"], event["type"])
        self.seen[identity] += 1
        if self.seen[identity] == 2:
            self.repeated.append(f"{self.name} was sent {' '.join(map(str, identity))} twice")
        self.history.setdefault(key, []).append(f"{event['event_id']} {state} {event['attempt']}/{event['change']}")
        self.states[key] = state
        if "overtaken" in event:
            self.overtaken.add(key)

    def forget(self, download_id: str) -> None:
        """Drop a download that is looked at no more."""
        self.states.pop(download_id, None)
        self.history.pop(download_id, None)


@dataclass
class PositionFollower(Follower):
    """A client of `simulcast.v1`, which keeps its position and is sent what it missed, or that it can not have that."""

    position: str = ""

    def receive(self, text: str | bytes) -> None:
        super().receive(text)
        message = json.loads(text)
        self.position = message.get("event_id") or message.get("position") or self.position

    async def connect(self, front_end: FrontEnd) -> ClientConnection:
        query = f"?since={self.position}" if self.position else ""
        return await websockets.connect(f"{front_end.ws}{query}", subprotocols=[V1], proxy=None, max_size=None)


class BareFollower(Follower):
    """A client that comes back without a position, and begins again."""

    async def connect(self, front_end: FrontEnd) -> ClientConnection:
        socket = await websockets.connect(front_end.ws, proxy=None, max_size=None)
        self.states.clear()
        self.seen.clear()
        return socket


async def follow(follower: PositionFollower | BareFollower, front_end: FrontEnd) -> None:
    """Follow until cancelled."""
    while True:
        try:
            async with await follower.connect(front_end) as socket:
                async for text in socket:
                    follower.receive(text)
        except (OSError, TimeoutError, websockets.WebSocketException):
            pass
        await asyncio.sleep(RECONNECT_S)


async def joined(front_end: FrontEnd) -> Follower:
    """Return a client that joins now, once it has the snapshot."""
    follower = Follower(f"a client that joins {front_end.port}")
    async with asyncio.timeout(DEADLINE_S), websockets.connect(front_end.ws, proxy=None, max_size=None) as socket:
        mark = secrets.token_hex(8)
        while (await front_end.post("/channels/downloads/publish", {"type": "mark", "mark": mark}))[0] != 200:
            await asyncio.sleep(0.1)
        while mark not in (text := str(await socket.recv())):
            follower.receive(text)
    return follower
