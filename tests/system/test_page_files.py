"""The page's files, and the client for browsers beside them."""

import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.service import ROOT, FrontEnd


def get(running: FrontEnd, path: str) -> tuple[HTTPResponse, bytes]:
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}{path}", timeout=10) as answer:
        return answer, answer.read()


@pytest.mark.parametrize("name", ["page/page.js", "page/gateway.js", "page/gateway_sse.js", "page/gateway.d.ts"])
def test_browsers_get_each_file_as_it_is_and_ask_each_time(shared_front_end: FrontEnd, name: str) -> None:
    answer, body = get(shared_front_end, f"/{name}")
    folder = "app" if name == "page/page.js" else "simulcast/gateway"
    assert body == (ROOT / folder / (name if folder == "app" else Path(name).name)).read_bytes()
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["etag"]
    if name.endswith(".js"):
        assert answer.headers["content-type"].startswith("text/javascript")


def test_nothing_else_of_the_client_is_served(shared_front_end: FrontEnd) -> None:
    for name in ("client.py", "../../simulcast/gateway/client.py", "py.typed"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(shared_front_end, f"/page/{name}")
