"""HTTP requests with a token."""

from dataclasses import dataclass

import aiohttp

from tests.service import FrontEnd


@dataclass(frozen=True, slots=True)
class Answer:
    """`detail` is "" where there is none."""

    status: int
    detail: str
    challenge: str


async def ask(running: FrontEnd, method: str, path: str, token: str | None = None, body: object = None) -> Answer:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{running.port}") as session,
        session.request(method, path, json={} if body is None and method == "POST" else body, headers=headers) as found,
    ):
        said = await found.json() if found.content_type == "application/json" else {}
        return Answer(found.status, said.get("detail", ""), found.headers.get("www-authenticate", ""))
