"""What of gateway.js needs no server."""

import pytest

from tests.gateway_js.conftest import Node

FILES = ("address.test.mjs", "connection.test.mjs", "contract.test.mjs", "recovery.test.mjs", "token.test.mjs")


@pytest.mark.parametrize("file", FILES)
async def test_in_node(node: Node, file: str) -> None:
    output = await node(file)
    assert "fail 0" in output and "pass 0" not in output, output
