"""Sentences of the documents: their first words, and words that plain English does without."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import DOCUMENTS
from tests.service import ROOT

FIRST = re.compile(r"(?:What|Who|Whoever|Whether|Whatever)\b")
WORDS = re.compile(r"\b(?:at once|anew|nobody|whoever|whatever|in which)\b", re.IGNORECASE)
LAST_HEADING = "What would change our mind"
PAGES = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of headings, paragraphs, list items and cells, without code and generated numbers."""
    text = re.sub(r"<!-- measured.*?<!-- end -->|^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`]*`", "code", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:[-*#|]|\d+\.) ?)|\|", text):
        part = re.sub(r"^[\s#>*-]+|\*\*", "", " ".join(part.split()))
        yield from (sentence for sentence in re.split(r"(?<=[.!?:;]) ", part) if sentence)


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_have_nouns_as_subjects_and_plain_words(document: Path) -> None:
    found = list(sentences(document.read_text(encoding="utf-8")))
    assert [sentence for sentence in found if FIRST.match(sentence) and sentence != LAST_HEADING] == []
    assert [sentence for sentence in found if WORDS.search(sentence)] == []


@pytest.mark.parametrize(
    "text", ["What is sent is lost.", "It is. Who asks?", "- one: whoever asks", "| a | at once |"]
)
def test_a_sentence_against_the_rules_is_found(text: str) -> None:
    assert any(FIRST.match(sentence) or WORDS.search(sentence) for sentence in sentences(text))
