"""Pages of other origins, as their browsers ask: preflights, answers that may be read, and refusals that say why."""

from collections.abc import Iterator

import aiohttp
import pytest
from multidict import CIMultiDictProxy

from simulcast.errors import SettingRefused
from simulcast.settings.front_end import FrontEndSettings
from tests.programs import StartFrontEnd, one_front_end
from tests.service import FrontEnd
from tests.signed_tokens import SECRET, token

ALLOWED = "https://app.example.com, http://build.example.com:*,capacitor://localhost"
LET_IN = ["https://app.example.com", "http://build.example.com:5173", "capacitor://localhost", "http://127.0.0.1:3000"]
REFUSED = ["https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com"]
ASKED = {
    "access-control-request-method": "DELETE",
    "access-control-request-headers": "authorization,content-type",
    "access-control-request-private-network": "true",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    folder = tmp_path_factory.mktemp("origins")
    with one_front_end(folder, SIMULCAST_TOKEN_SECRET=SECRET, SIMULCAST_ALLOWED_ORIGINS=ALLOWED) as program:
        yield program


async def asked(
    running: FrontEnd, method: str, path: str, origin: str, **headers: str
) -> tuple[int, CIMultiDictProxy[str]]:
    sent = {"origin": origin, "authorization": f"Bearer {token('watch command publish')}"} | headers
    address = f"http://127.0.0.1:{running.port}"
    async with aiohttp.ClientSession(address) as session, session.request(method, path, headers=sent) as response:
        return response.status, response.headers


@pytest.mark.parametrize("origin", LET_IN)
async def test_a_page_that_is_let_in_may_ask_and_read(running: FrontEnd, origin: str) -> None:
    status, headers = await asked(running, "OPTIONS", "/downloads/x", origin, **ASKED)
    assert status == 200
    assert headers["access-control-allow-origin"] == origin
    assert "DELETE" in headers["access-control-allow-methods"]
    assert "authorization" in headers["access-control-allow-headers"]
    assert headers["access-control-allow-private-network"] == "true"
    for path, expected in (("/downloads", 200), ("/page/gateway.js", 200), ("/downloads/none", 404), ("/events", 200)):
        status, headers = await asked(running, "GET" if path != "/events" else "HEAD", path, origin)
        assert status == expected
        assert headers["access-control-allow-origin"] == origin
        assert "Origin" in headers["vary"]
        assert "retry-after" in headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", REFUSED)
async def test_another_page_is_told_the_setting_and_reads_nothing(running: FrontEnd, origin: str) -> None:
    address = f"http://127.0.0.1:{running.port}"
    async with (
        aiohttp.ClientSession(address, headers={"origin": origin}) as session,
        session.options("/downloads", headers=ASKED) as preflight,
        session.post("/downloads", json={"url": "http://127.0.0.1/x"}) as post,
        session.get("/events") as events,
    ):
        for response in (preflight, post, events):
            assert response.status == 403
            assert "SIMULCAST_ALLOWED_ORIGINS" in await response.text()
            assert "access-control-allow-origin" not in response.headers
    for path in ("/downloads", "/page/gateway.js"):
        _, headers = await asked(running, "GET", path, origin)
        assert "access-control-allow-origin" not in headers
        assert "Origin" in headers["vary"]


async def test_a_star_lets_all_in_and_takes_no_cookies_along(front_end: StartFrontEnd) -> None:
    program = await front_end(SIMULCAST_OPEN_TO_EVERYONE="true", SIMULCAST_ALLOWED_ORIGINS="*")
    for method, headers in (("GET", dict[str, str]()), ("OPTIONS", ASKED)):
        _, answered = await asked(program, method, "/downloads", "https://any.example", cookie="a=b", **headers)
        assert answered["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answered


def test_pages_elsewhere_need_tokens_or_stated_openness() -> None:
    FrontEndSettings(allowed_origins=("http://localhost:*", "http://127.0.0.1:3000"))
    FrontEndSettings(allowed_origins=("https://app.example.com",), token_secret=SECRET)
    FrontEndSettings(allowed_origins=("*",), open_to_everyone=True)
    for origin in ("https://app.example.com", "*", "capacitor://localhost", "chrome-extension://abc"):
        with pytest.raises(SettingRefused, match=r"SIMULCAST_ALLOWED_ORIGINS=.*SIMULCAST_TOKEN_SECRET"):
            FrontEndSettings(allowed_origins=(origin,))


@pytest.mark.parametrize("text", ["app.example.com", "https://app.example.com/path", "null", "https://", "a b://c"])
def test_what_is_no_origin_is_refused_by_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULCAST_ALLOWED_ORIGINS", text)
    with pytest.raises(SettingRefused, match=r"SIMULCAST_ALLOWED_ORIGINS.*https://app\.example\.com"):
        FrontEndSettings.from_environment()
