import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from simulcast.cli.banner import banner
from simulcast.launcher.embedded import EmbeddedServer


def server(data: str = "data", port: int = 6379) -> EmbeddedServer:
    embedded = EmbeddedServer(Path(data), Path("valkey-server"))
    embedded.port = port
    return embedded


def text_of(host: str = "127.0.0.1", port: int = 8080, redis: EmbeddedServer | str | None = None) -> str:
    return banner(host, port, [9464], Path("downloads"), redis or server())


def test_banner_has_addresses_and_next_commands() -> None:
    text = text_of()
    for wanted in (
        "http://localhost:8080/",
        "ws://localhost:8080/ws",
        "http://localhost:8080/docs",
        " publish downloads '{",
        f"127.0.0.1:6379; for your own programs: export REDIS_URL=$(cat {Path('data').resolve()}/redis.url)",
        str(Path("downloads").resolve()),
    ):
        assert wanted in text
    assert re.search(r" demo$", text, re.MULTILINE) and re.search(r" watch$", text, re.MULTILINE)


def test_banner_has_no_password() -> None:
    embedded = server()
    password = urlsplit(embedded.tcp_url).password
    assert password and password not in text_of(redis=embedded)
    assert "secret" not in text_of(redis="redis://me:secret@redis:6379/0?password=secret")


def test_banner_commands_have_the_flags_that_they_need() -> None:
    text = text_of(port=9000, redis=server("/else where", 7000))
    assert "watch --url ws://localhost:9000/ws" in text
    assert "127.0.0.1:7000; " in text and "REDIS_URL=$(cat '/else where/redis.url')" in text
    assert "publish --data '/else where' downloads '{" in text
    assert "demo --data '/else where'" in text


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("0.0.0.0", "localhost"),
        ("::1", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("nas", "nas"),
    ],
)
def test_banner_address_works_in_a_browser_here(host: str, place: str) -> None:
    assert f"http://{place}:8080/" in text_of(host=host)


def test_banner_commands_start_this_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = folder / ".venv" / "bin" / "simulcast"
    called.parent.mkdir(parents=True)
    called.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(called)])
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "  .venv/bin/simulcast demo" in text_of()
    monkeypatch.setenv("PATH", str(called.parent))
    assert "  simulcast demo" in text_of()
