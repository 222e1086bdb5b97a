"""The documents of this repository, and the blocks in them."""

import re

from tests.service import ROOT


def blocks(document: str, language: str) -> list[str]:
    """Return the text of each block in that language, in order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


DOCUMENTS = sorted(path for folder in ("*.md", "docs/**/*.md", "clients/**/*.md") for path in ROOT.glob(folder))
