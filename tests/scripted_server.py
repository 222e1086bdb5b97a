"""A web server that says exactly what a test wants, byte for byte, and keeps what it was asked."""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Request:
    target: str
    headers: Mapping[str, str]  # names in lower case


Reply = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def raw(*pieces: bytes) -> Reply:
    """Sends the pieces, then closes the connection."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return reply


def answer(status: int, headers: Mapping[str, str], body: bytes = b"") -> Reply:
    return raw(head(status, headers) + body)


def redirect(location: str, status: int = 302) -> Reply:
    return answer(status, {"Location": location, "Content-Length": "0"})


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def honest(
    content: bytes, etag: str | None = '"v1"', *, cut_after: int | None = None, headers: Mapping[str, str] = {}
) -> Reply:
    """As RFC 9110 wants it, with Range and If-Range; drops the connection after `cut_after` bytes of body."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        said = {"ETag": etag} if etag else {}
        asked = re.fullmatch(r"bytes=([0-9]+)-", request.headers.get("range", ""))
        start, status = 0, 200
        if asked and request.headers.get("if-range") in (etag, None):
            start, status = int(asked[1]), 206
            said["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            if start >= len(content):
                said, status = {"Content-Range": f"bytes */{len(content)}"}, 416
        body = content[start:]
        said["Content-Length"] = str(len(body))
        writer.write(head(status, {**said, **headers}) + (body if cut_after is None else body[:cut_after]))
        await writer.drain()

    return reply


def silence_after(reply: Reply) -> Reply:
    """Keeps the connection open, saying nothing more."""

    async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
        await reply(request, writer)
        await asyncio.Event().wait()

    return silent


def reset_after(reply: Reply) -> Reply:
    """Ends the connection with RST instead of FIN."""

    async def resetting(request: Request, writer: asyncio.StreamWriter) -> None:
        await reply(request, writer)
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return resetting


class Server:
    """Answers each path with its replies in turn, the last one again and again."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.requests: list[Request] = []
        self._replies: dict[str, list[Reply]] = {}
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def at(self, path: str, *replies: Reply) -> str:
        """From now on; returns the URL."""
        self._replies[path] = list(replies)
        return f"http://{self.host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            # A client may leave at any moment, and a test may end while one waits.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace").split("\r\n")[:-2]
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                target = first.split(" ")[1]
                await reader.readexactly(
                    int(headers.get("content-length", "0"))
                )  # unread, it would reset the connection
                request = Request(target, headers)
                self.requests.append(request)
                replies = self._replies[target.split("?")[0]]
                await (replies.pop(0) if len(replies) > 1 else replies[0])(request, writer)
        finally:
            writer.close()


def ranged(
    content: bytes, etag: str = '"v1"', *, piece: int = 16_384, pause_s: float = 0.0, cut_after: int | None = None
) -> Reply:
    """As `honest`, for ranges with an end too, a piece at a time."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", request.headers.get("range", ""))
        start, end, said, status = 0, len(content), {"ETag": etag}, 200
        if asked and request.headers.get("if-range") == etag:
            start, end, status = int(asked[1]), int(asked[2] or len(content) - 1) + 1, 206
            said["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        writer.write(head(status, {**said, "Content-Length": str(end - start)}))
        stop = end if cut_after is None else min(end, start + cut_after)
        for at in range(start, stop, piece):
            writer.write(content[at : min(at + piece, stop)])
            await writer.drain()
            await asyncio.sleep(pause_s)

    return reply
