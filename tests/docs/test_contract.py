"""Each message that a document shows is one of the golden messages, byte by byte.

`python -m tests.docs.test_contract` writes the page that shows them all.
"""

import re

import pytest

from tests.contract_examples import FOLDER, FROM_CLIENT, FROM_SERVER, HANDSHAKE
from tests.documents import blocks
from tests.service import ROOT

PAGE = FOLDER / "README.md"
GOLDEN = {message.decode() for message in (*FROM_SERVER.values(), *FROM_CLIENT.values())}


@pytest.mark.parametrize("document", ["docs/protocol.md", "docs/flutter.md"])
def test_each_message_in_a_document_is_a_golden_one(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8").partition("\n## REST")[0]
    shown = [block.strip() for block in blocks(document, "json")]
    shown += re.findall(r'`(\{"(?:event_id|channel|type|action)":[^`]*\})`', text)
    assert shown
    assert set(shown) - GOLDEN == set()


def page() -> str:
    """Return the text of docs/contract/README.md."""
    lines = [
        "# Messages",
        "",
        "One message of each kind, to the byte: tests compare the front-end, both clients and the documents with them.",
        "[Protocol](../protocol.md) explains each kind.",
    ]
    for heading, messages in (("From the server", FROM_SERVER), ("From a client", FROM_CLIENT)):
        lines += ["", f"## {heading}"]
        for name, message in messages.items():
            kind, _, which = name.partition(".")
            title = f"`{kind}`" + (f", {which.replace('_', ' ').replace('.', ' ')}" if which else "")
            shown = message.decode().strip()
            lines += ["", f"{title}:", "", f"```{'json' if shown.startswith('{') else 'text'}", shown, "```"]
    lines += ["", "## The handshake of a Flutter app", "", "Of Dart 3.7 on a desktop, with the class of the guide:", ""]
    lines += ["```text", *HANDSHAKE.decode().strip().splitlines(), "```"]
    return "\n".join(lines) + "\n"


def test_the_page_of_messages_shows_them_all() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.docs.test_contract writes it"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
