"""The tests of gateway.js that need no server."""

import pytest

from tests.gateway_js.conftest import HERE, Node

NEEDS_SERVER = "guide.test.mjs"
FILES = sorted(path.name for path in HERE.glob("*.test.mjs") if path.name != NEEDS_SERVER)


@pytest.mark.parametrize("file", FILES)
async def test_in_node(node: Node, file: str) -> None:
    output = await node(file)
    assert "fail 0" in output and "pass 0" not in output, output
