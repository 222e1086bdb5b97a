"""Each message that a document shows is one of the golden messages, byte by byte."""

import re

import pytest

from tests.contract.examples import FROM_CLIENT, FROM_SERVER
from tests.docs.test_documents import ROOT, blocks

GOLDEN = {message.decode() for message in (*FROM_SERVER.values(), *FROM_CLIENT.values())}


@pytest.mark.parametrize("document", ["docs/protocol.md", "docs/flutter.md"])
def test_each_message_in_a_document_is_a_golden_one(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8").partition("\n## REST")[0]
    shown = [block.strip() for block in blocks(document, "json")]
    shown += re.findall(r'`(\{"(?:event_id|channel|type|action)":[^`]*\})`', text)
    assert shown
    assert set(shown) - GOLDEN == set()
