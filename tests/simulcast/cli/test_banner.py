import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from simulcast.cli.banner import BannerInfo, banner

FACTS = BannerInfo(
    "127.0.0.1", 8080, [9464], Path("downloads"), "unix://simulcast:secret@/d/valkey.sock", 6379, Path("data").resolve()
)


def test_banner_has_addresses_and_next_commands() -> None:
    text = banner(FACTS)
    for wanted in (
        "http://localhost:8080/",
        "ws://localhost:8080/ws",
        "http://localhost:8080/docs",
        "redis-cli PUBLISH simulcast:downloads '{",
        f'redis-cli -u "$(cat {FACTS.data}/redis.url)"',
        str(Path("downloads").resolve()),
    ):
        assert wanted in text
    assert re.search(r" demo$", text, re.MULTILINE) and re.search(r" watch$", text, re.MULTILINE)


def test_banner_has_no_password() -> None:
    assert "secret" not in banner(FACTS)
    assert "secret" not in banner(
        replace(FACTS, redis_port=0, redis_url="redis://me:secret@redis:6379/0?password=secret")
    )


def test_banner_commands_have_the_flags_that_they_need() -> None:
    text = banner(replace(FACTS, port=9000, redis_port=7000, data=Path("/else where")))
    assert "watch --url ws://localhost:9000/ws" in text
    assert "redis-cli -p 7000 PUBLISH" in text
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
    assert f"http://{place}:8080/" in banner(replace(FACTS, host=host))


def test_banner_commands_start_this_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = folder / ".venv" / "bin" / "simulcast"
    called.parent.mkdir(parents=True)
    called.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(called)])
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "  .venv/bin/simulcast demo" in banner(FACTS)
    monkeypatch.setenv("PATH", str(called.parent))
    assert "  simulcast demo" in banner(FACTS)
