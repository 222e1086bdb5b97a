"""The page at `/`, its files below `/page`, and its service worker."""

import hashlib
import json
import os
from base64 import b64encode
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.staticfiles import PathLike
from starlette.types import Scope

import simulcast
from app.access.csp import content_security_policy

PAGE = Path(__file__).parents[1] / "page"
GATEWAY = Path(simulcast.__file__).parent / "gateway"
_GATEWAY_PARTS = (
    *("address", "commands", "delay", "health", "network", "options"),
    *("position", "printing", "rest", "shared", "sse"),
)
_GATEWAY_TYPES = {"gateway.d.ts", "gateway_messages.d.ts"}
GATEWAY_FILES = frozenset({"gateway.js", *_GATEWAY_TYPES, *(f"gateway_{part}.js" for part in _GATEWAY_PARTS)})
# Nothing else in that folder, such as __init__.py.
PAGE_FILES = frozenset({".html", ".css", ".js", ".svg", ".webmanifest"})
_WORKER = "service_worker.js"


class RevalidatedStaticFiles(StaticFiles):
    """Files that browsers revalidate each time, so that an upgrade never mixes old modules with new ones.

    The client for browsers is served next to the page's own modules.
    """

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        if path in GATEWAY_FILES:
            return str(GATEWAY / path), (GATEWAY / path).stat()
        return super().lookup_path(path) if Path(path).suffix in PAGE_FILES else ("", None)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response


def add_page(app: FastAPI, features: dict[str, bool]) -> None:
    """Serve the page. `features`: what its `html` element says that this service has."""
    attributes = "".join(f" data-{name}" for name, is_on in features.items() if is_on)
    index = (PAGE / "index.html").read_text(encoding="utf-8").replace("<html", f"<html{attributes} data-shell", 1)
    worker = service_worker(index)
    headers = {"content-security-policy": content_security_policy(index), "cache-control": "no-cache"}
    app.mount("/page", RevalidatedStaticFiles(directory=PAGE), name="page")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(index, headers=headers)

    # Beside the page: a worker is for the pages below its own address.
    @app.api_route(f"/{_WORKER}", methods=["GET", "HEAD"], include_in_schema=False)
    async def worker_script() -> Response:
        return Response(worker, media_type="text/javascript", headers={"cache-control": "no-cache"})


def service_worker(index: str) -> str:
    """Return the script of the worker: another one wherever the page or one of its files is another.

    It names the digest of each file: behind a proxy, another front-end may serve another release.
    """
    own = {f"page/{path.relative_to(PAGE)}": path for path in PAGE.rglob("*") if path.suffix in PAGE_FILES}
    files = own | {f"page/{name}": GATEWAY / name for name in GATEWAY_FILES - _GATEWAY_TYPES}
    unread = {"page/index.html", f"page/{_WORKER}"}
    digests = {"./": _integrity(index.encode())}
    digests |= {name: _integrity(files[name].read_bytes()) for name in sorted(files.keys() - unread)}
    script = (PAGE / _WORKER).read_text(encoding="utf-8").replace('{ "{file}": "{digest}" }', json.dumps(digests))
    return script.replace("{version}", hashlib.sha256(script.encode()).hexdigest()[:16])


def _integrity(content: bytes) -> str:
    """Return the digest of a file as browsers check it (Subresource Integrity, §3.1)."""
    return f"sha256-{b64encode(hashlib.sha256(content).digest()).decode()}"
