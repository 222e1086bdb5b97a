"""Requests to a front-end with headers of one's own, and their JSON answers."""

import io
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.service import FrontEnd


@dataclass(frozen=True, slots=True)
class JSONAnswer:
    """`text`: the body to the letter."""

    status: int
    text: str
    location: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


async def send_json(
    running: FrontEnd, method: str, path: str, body: object = None, *, token: str = "", key: str = ""
) -> JSONAnswer:
    """`body`: bytes to be sent as they are, or what is sent as JSON; None for none. `key`: Idempotency-Key."""
    headers = {"content-type": "application/json"} if body is not None else {}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    headers |= {"idempotency-key": key} if key else {}
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    stream = None if data is None else io.BytesIO(data)
    async with aiohttp.request(
        method, f"http://127.0.0.1:{running.port}{path}", data=stream, headers=headers
    ) as answer:
        return JSONAnswer(answer.status, await answer.text(), answer.headers.get("location", ""))
