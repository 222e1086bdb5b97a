"""The documents at `/manual/`, where they are built, and the links to them."""

import asyncio
import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import Message, Scope

from app.main import create_app
from app.routes import docs
from simulcast.settings.front_end import FrontEndSettings


async def get(app: FastAPI, path: str) -> tuple[int, str]:
    """Request a path of `app`; return status and body."""
    messages: list[Message] = []
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1),
    }  # fmt: skip

    async def receive() -> Message:
        await asyncio.Event().wait()  # a GET has no body, and this client stays
        raise AssertionError

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    return messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:]).decode()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    monkeypatch.setattr(docs, "SITE", folder)
    return folder


async def test_built_documents_are_served_and_linked(site: Path) -> None:
    site.mkdir()
    (site / "index.html").write_text("the documents")
    app = create_app(FrontEndSettings.from_environment())
    assert await get(app, "/manual/") == (200, "the documents")
    assert "<html data-manual" in (await get(app, "/"))[1]
    description = json.loads((await get(app, "/openapi.json"))[1])["info"]["description"]
    assert "[Documentation](manual/)" in description


async def test_without_documents_nothing_is_linked(site: Path) -> None:
    app = create_app(FrontEndSettings.from_environment())
    assert (await get(app, "/manual/"))[0] == 404
    assert "data-manual" not in (await get(app, "/"))[1].partition(">\n<head>")[0]
    assert "manual" not in (await get(app, "/openapi.json"))[1]
