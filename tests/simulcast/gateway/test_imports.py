"""The modules that `import simulcast.gateway` brings."""

import subprocess
import sys


def test_the_client_needs_neither_redis_nor_a_web_framework() -> None:
    program = "import sys, simulcast.gateway; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(ran.stdout.split())
    assert "websockets" in loaded
    assert loaded.isdisjoint({"redis", "fastapi", "starlette", "uvicorn", "pydantic", "aiohttp", "app"})
