"""HTTP requests to a front-end: with a token, as written, and in a thread."""

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

import aiohttp

from tests.service import FrontEnd


@dataclass(frozen=True, slots=True)
class Response:
    """`detail` is "" where there is none."""

    status: int
    detail: str
    challenge: str


async def request(running: FrontEnd, method: str, path: str, token: str | None = None, body: object = None) -> Response:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{running.port}") as session,
        session.request(method, path, json={} if body is None and method == "POST" else body, headers=headers) as found,
    ):
        said = await found.json() if found.content_type == "application/json" else {}
        return Response(found.status, said.get("detail", ""), found.headers.get("www-authenticate", ""))


async def raw_request(running: FrontEnd, request: str, body: bytes = b"") -> tuple[int, str]:
    """Send a request as written; return the status and the whole response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        head = request.replace("\n", "\r\n") + f"\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        async with asyncio.timeout(20):
            response = (await reader.read()).decode()
        return int(response.split(" ")[1]), response
    finally:
        writer.close()


def get_text(port: int, path: str, host: str = "") -> tuple[int, str]:
    """Return status and body, or the error's detail."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, str(json.loads(error.read() or b"{}").get("detail", ""))
