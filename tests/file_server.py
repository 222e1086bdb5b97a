"""A web server of our own that serves one folder, with Range and strong ETags, as fast or as slow as a test wants."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from tests.ports import free_port

CHUNK = 64 * 1024


@dataclass
class Files:
    """`contents` by name. `bytes_per_s`: 0 for as fast as it goes. `ranges`: the Range headers of all requests.

    `sent_bytes`: of all requests. `slow_from`: the bytes behind it come at a quarter of the speed. `held_from`: the
    bytes behind it do not come while it is set. `expired`: names that answer 403 from now on, also half-way.
    `plain_ranges`: a Range counts without If-Range, too.
    """

    port: int
    contents: dict[str, bytes] = field(default_factory=dict)
    bytes_per_s: int = 0
    etag: bool = True
    ranges: list[str] = field(default_factory=list)
    asked: int = 0
    sent_bytes: int = 0
    slow_from: int | None = None
    held_from: int | None = None
    expired: set[str] = field(default_factory=set)
    plain_ranges: bool = False

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        content = self.contents.get(name)
        if content is None:
            raise web.HTTPNotFound
        if name in self.expired:
            raise web.HTTPForbidden
        self.asked += 1
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        headers = {"ETag": tag} if self.etag else {}
        start, end, status = 0, len(content), 200
        wanted = request.headers.get("Range")
        if wanted:
            self.ranges.append(wanted)
            if request.headers.get("If-Range", tag if self.plain_ranges else "") == tag:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                start, end, status = int(first), int(last or len(content) - 1) + 1, 206
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = end - start
        with suppress(ConnectionResetError):  # the client was paused, or killed
            await response.prepare(request)
            for at in range(start, end, CHUNK):
                while self.held_from is not None and at >= self.held_from and name not in self.expired:
                    await asyncio.sleep(0.01)
                if name in self.expired and request.transport is not None:
                    request.transport.abort()
                chunk = content[at : min(at + CHUNK, end)]
                await response.write(chunk)
                self.sent_bytes += len(chunk)
                if self.bytes_per_s:
                    is_slow = self.slow_from is not None and at >= self.slow_from
                    await asyncio.sleep(CHUNK / self.bytes_per_s * (4 if is_slow else 1))
            await response.write_eof()
        return response


@asynccontextmanager
async def serve_files() -> AsyncIterator[Files]:
    """Run the server on a loopback port of its own."""
    files = Files(free_port())
    app = web.Application()
    app.router.add_get("/{name}", files.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", files.port).start()
    try:
        yield files
    finally:
        await runner.cleanup()
