"""A scripted front-end: the page below a sub path, with the `ws`, `downloads` and `jobs` of a test."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from app.access.csp import content_security_policy

PAGE = Path(__file__).parents[2] / "app" / "page"
GATEWAY = Path(__file__).parents[2] / "simulcast" / "gateway"
# Below a sub path, as behind nginx: an address that begins with a slash would miss.
ROOT = "/some/where/"
HEADERS = {
    "content-security-policy": content_security_policy((PAGE / "index.html").read_text(encoding="utf-8")),
    "cache-control": "no-store",
}

Event = dict[str, object]


class StubServer:
    """Serves on a free loopback port. Each send goes to everyone who is connected."""

    def __init__(self) -> None:
        self.snapshot: list[Event] = []  # sent to each client that connects
        self.position = "1790000000000-0"  # in hello
        self.recovered = False  # likewise
        self.records: list[Event] = []  # of GET downloads, newest first
        self.job_records: list[Event] = []  # of GET jobs, likewise
        self.listing_status = 200
        self.answers_lists = asyncio.Event()  # while it is not set, they wait
        self.answers_lists.set()
        self.listings: list[str] = []  # the path and query of each GET downloads, or of one of them
        self.job_listings: list[str] = []  # likewise of GET jobs
        self.refuses = False  # handshakes with 503
        self.hangs = False  # handshakes are never answered
        self.is_silent = False  # whether nothing is sent behind the handshake
        self.sinces: list[str | None] = []  # one entry a handshake that was accepted
        self.intervals: list[str | None] = []  # likewise
        self.received: list[Any] = []  # messages of clients, parsed
        self.answer: Callable[[Any], list[Event]] = lambda message: []  # to a message, sent to everyone
        self.posted: list[Any] = []  # bodies of POST downloads
        self.answer_post: Callable[[Any], tuple[int, object]] = lambda body: (201, body)
        self.limits: Event = {"max_speed": None, "max_downloads": None, "timezone": "UTC", "timetable": []}
        self.limits_now: Event = {"max_speed": None, "max_downloads": None}
        self.limits_refusal = (0, "")  # the status and the reason of PUT limits, if it is refused
        self._sockets: set[web.WebSocketResponse] = set()
        self._transports: dict[web.WebSocketResponse, asyncio.Transport] = {}
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Condition()
        self._stops = asyncio.Event()
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get(ROOT, self._index)
        app.router.add_get(ROOT + "ws", self._socket)
        app.router.add_post(ROOT + "downloads", self._post)
        for name in ("downloads", "jobs"):
            app.router.add_get(ROOT + name, self._list)
            app.router.add_get(ROOT + name + "/{id}", self._one)
        app.router.add_get(ROOT + "limits", self._limits)
        app.router.add_put(ROOT + "limits", self._set_limits)
        app.router.add_get(ROOT + "page/{file:.+}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}{ROOT}"

    async def stop(self) -> None:
        self._stops.set()
        self.cut()
        if self._runner is not None:
            await self._runner.cleanup()

    async def send(self, *messages: Event | str) -> None:
        """Send text as it is, an event as JSON."""
        texts = [message if isinstance(message, str) else as_text(message) for message in messages]
        for socket in list(self._sockets):
            for text in texts:
                await socket.send_str(text)

    def cut(self) -> None:
        """End every connection without a close frame, as a killed server does: clients see 1006."""
        for socket in list(self._sockets):
            self._transports[socket].abort()

    async def close(self, code: int, reason: str) -> None:
        for socket in list(self._sockets):
            await socket.close(code=code, message=reason.encode())

    async def connections(self, count: int, deadline_s: float = 15.0) -> None:
        """Wait until `count` handshakes were accepted since the start. Raises TimeoutError."""
        await self._until(lambda: len(self.sinces) >= count, deadline_s)

    async def messages(self, count: int, deadline_s: float = 15.0) -> None:
        """Wait until clients have sent `count` messages. Raises TimeoutError."""
        await self._until(lambda: len(self.received) >= count, deadline_s)

    async def list_requests(self, count: int, deadline_s: float = 15.0) -> None:
        """Wait for `count` requests for the list, or for one of it. Raises TimeoutError."""
        await self._until(lambda: len(self.listings) >= count, deadline_s)

    async def _until(self, holds: Callable[[], bool], deadline_s: float) -> None:
        async with asyncio.timeout(deadline_s), self._changed:
            await self._changed.wait_for(holds)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuses:
            raise web.HTTPServiceUnavailable
        if self.hangs:
            await self._stops.wait()
        socket = web.WebSocketResponse(compress=False, protocols=["simulcast.v1.joined", "simulcast.v1"])
        await socket.prepare(request)
        assert request.transport is not None
        self._transports[socket] = request.transport
        self._sockets.add(socket)
        try:
            hello = {"type": "hello", "channel": "downloads", "position": self.position, "recovered": self.recovered}
            if not self.is_silent:
                await socket.send_str(as_text({**hello, "ping_interval_s": 20.0}))
                for event in self.snapshot:
                    await socket.send_str(as_text(event))
            async with self._changed:
                self.sinces.append(request.query.get("since"))
                self.intervals.append(request.query.get("interval_ms"))
                self._changed.notify_all()
            async for message in socket:
                async with self._changed:
                    self.received.append(json.loads(message.data))
                    self._changed.notify_all()
                await self.send(*self.answer(self.received[-1]))
        except ConnectionError:
            pass  # cut() aborted it
        finally:
            self._sockets.discard(socket)
            del self._transports[socket]
        return socket

    async def _limits(self, _: web.Request) -> web.Response:
        return web.json_response({**self.limits, "now": self.limits_now}, headers=HEADERS)

    async def _set_limits(self, request: web.Request) -> web.Response:
        status, reason = self.limits_refusal
        if status:
            return web.json_response({"detail": reason}, status=status, headers=HEADERS)
        self.limits = await request.json()
        return await self._limits(request)

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.posted.append(body)
        status, answer = self.answer_post(body)
        return web.json_response(answer, status=status, headers=HEADERS)

    async def _list(self, request: web.Request) -> web.Response:
        async with self._changed:
            listings = self.job_listings if self._records_at(request)[0] == "jobs" else self.listings
            listings.append(request.path_qs.removeprefix(ROOT))
            self._changed.notify_all()
        await self.answers_lists.wait()
        if self.listing_status != 200:
            return web.json_response({"detail": "not now"}, status=self.listing_status, headers=HEADERS)
        start, limit = int(request.query.get("cursor", 0)), int(request.query["limit"])
        name, _, records = self._records_at(request)
        states, word = request.query.getall("state", []), request.query.get("search", "")
        matching = [
            record
            for record in records
            if (not states or record["state"] in states) and word in str(record["name"]).lower()
        ]
        end = start + limit
        body = {
            name: matching[start:end],
            "total": len(matching),
            "next_cursor": str(end) if end < len(matching) else None,
            "is_complete": True,
        }
        return web.json_response(body, headers=HEADERS)

    def _records_at(self, request: web.Request) -> tuple[str, str, list[Event]]:
        """Return the list's name, the member with the id, and the records."""
        is_of_jobs = request.path.removeprefix(ROOT).startswith("jobs")
        return ("jobs", "job_id", self.job_records) if is_of_jobs else ("downloads", "download_id", self.records)

    async def _one(self, request: web.Request) -> web.Response:
        async with self._changed:
            listings = self.job_listings if self._records_at(request)[0] == "jobs" else self.listings
            listings.append(request.path_qs.removeprefix(ROOT))
            self._changed.notify_all()
        _, member, records = self._records_at(request)
        for record in records:
            if record[member] == request.match_info["id"]:
                return web.json_response(record, headers=HEADERS)
        return web.json_response({"detail": "there is no such id"}, status=404, headers=HEADERS)

    async def _index(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / "index.html", headers=HEADERS)

    async def _file(self, request: web.Request) -> web.FileResponse:
        name = request.match_info["file"]
        path = (GATEWAY if name.startswith("gateway") else PAGE) / name
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers=HEADERS)


def as_text(event: Event) -> str:
    """Format an event as a front-end does: event_id first, no white space."""
    return json.dumps(event, separators=(",", ":"))
