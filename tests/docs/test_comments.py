"""Comments and docstrings of the product: no sentence begins with a relative clause, no name is a private word."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.service import ROOT
from tests.tools import program_path

SUFFIXES = (".py", ".js", ".dart", ".lua", ".ts")
CONSTANT = re.compile(r"\b_?(?:MOST|LEAST|LONGEST|SHORTEST)_[A-Z]\w*")
# Words that only their authors understood, and that once named classes here.
PRIVATE_WORDS = re.compile(
    r"\bclass (Asking|Audience|Board|Bookmark|BrokenOff|Census|Choice|Claim|Commanding|Complaint|Detachable|Doors|Ear|"
    r"Everyone|Facts|Failures|Finishing|Followed|Following|Found|Guard|Hosts|Inbox|Incoming|Listeners|Meter|Mistake|"
    r"Moment|NoRecords|NoRoom|Order|Outbox|Outlet|Owed|Pace|Picture|Place|Plot|Pulse|Repair|Room|Rules|Source|Split|"
    r"Stalled|Survey|Tally|Terms|Unconfirmed|Welcomes|Wish|Wishes)\b"
)
RELATIVE = re.compile(r"\A(?:What|Who|Whoever|Whether)\b", re.IGNORECASE)
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[A-Z`])|\n\s*\n")
# A string, a regular expression, or a comment; only the comments are kept.
JAVASCRIPT = re.compile(
    r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[(,=:\[!&|?{};\n])\s*/(?![*/])(?:\\.|[^/\\\n])+/"""
    r"""|(?P<block>/\*.*?\*/)|(?P<line>//[^\n]*)""",
    re.DOTALL,
)
LUA = re.compile(r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|(?P<block>--\[\[.*?\]\])|(?P<line>--[^\n]*)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Text:
    """A docstring, or comments on lines that follow one another."""

    line: int
    text: str

    def sentences(self) -> list[str]:
        return [" ".join(sentence.split()) for sentence in SENTENCE_END.split(self.text.strip())]


def join_comments(comments: list[tuple[int, bool, str]]) -> Iterator[Text]:
    """Join comments that have lines of their own: (line, whether nothing else stands there, text)."""
    first, lines, last = 0, list[str](), -1
    for line, is_alone, text in comments:
        if lines and is_alone and line == last + 1:
            lines.append(text)
        else:
            if lines:
                yield Text(first, "\n".join(lines))
            first, lines = line, [text]
        last = line if is_alone else -1
    if lines:
        yield Text(first, "\n".join(lines))


def python_texts(source: str) -> Iterator[Text]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    yield from join_comments([(t.start[0], not t.line[: t.start[1]].strip(), t.string.strip("# ")) for t in comments])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Text(node.lineno, node.value.value)


def scanned_texts(source: str, comment: re.Pattern[str]) -> Iterator[Text]:
    comments = []
    for match in comment.finditer(source):
        line, start = source.count("\n", 0, match.start()) + 1, source.rfind("\n", 0, match.start()) + 1
        if block := match["block"]:
            yield Text(line, re.sub(r"^\s*\*", "", block.strip("/*-[] \n"), flags=re.MULTILINE))
        elif text := match["line"]:
            comments.append((line, not source[start : match.start()].strip(), text.strip("/- ")))
    yield from join_comments(comments)


def texts_of(path: Path) -> Iterator[Text]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return python_texts(source)
    return scanned_texts(source, LUA if path.suffix == ".lua" else JAVASCRIPT)


def product_files(root: Path = ROOT) -> list[Path]:
    command = [program_path("git", "git"), "ls-files", "simulcast", "app", "workers", "clients"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    paths = [root / name for name in listed.stdout.splitlines() if name.endswith(SUFFIXES)]
    return [path for path in paths if path.exists()]


def relative_sentences(path: Path) -> list[str]:
    return [
        f"{path}:{text.line}: {sentence[:90]}"
        for text in texts_of(path)
        for sentence in text.sentences()
        if RELATIVE.match(sentence)
    ]


def test_no_sentence_of_a_comment_begins_with_a_relative_clause() -> None:
    assert [sentence for path in product_files() for sentence in relative_sentences(path)] == []


def test_no_class_is_named_by_a_private_word() -> None:
    sources = [path.read_text(encoding="utf-8") for path in product_files()]
    assert len(sources) > 100
    assert [name for source in sources for name in PRIVATE_WORDS.findall(source)] == []


def test_no_constant_is_called_most_or_least() -> None:
    constants = [name for path in product_files() for name in CONSTANT.findall(path.read_text(encoding="utf-8"))]
    assert constants == []


@pytest.mark.parametrize(
    ("suffix", "source"),
    [
        (".py", '"""Who joins is told."""'),
        (".py", '"""A client.\n\nWhat it gets."""'),
        (".py", "x = 1  # whether it runs"),
        (".py", "# A rule. Whoever breaks it\n# is cut."),
        (".lua", "local x = '--' -- What it is"),
        (".lua", "--[[ Whether\nit is ]]"),
        (".js", 'const text = "//"; // What it is'),
        (".js", "/** A class. Who makes it\n * owns it. */"),
        (".js", "const quote = /['\"]/; // whose\n// Whether it is"),
    ],
)
def test_comment_scanner_finds_a_relative_clause_in_any_comment(tmp_path: Path, suffix: str, source: str) -> None:
    path = tmp_path / f"source{suffix}"
    path.write_text(source, encoding="utf-8")
    assert len(relative_sentences(path)) == 1


@pytest.mark.parametrize(
    ("suffix", "source"),
    [
        (".py", 'text = "Who joins is told."'),
        (".py", "# A client that knows\n# who publishes."),
        (".lua", "local text = '-- What it is'"),
        (".js", 'const url = "https://what.example"; const text = `// Who`;'),
    ],
)
def test_comment_scanner_leaves_texts_and_clauses_in_sentences_alone(tmp_path: Path, suffix: str, source: str) -> None:
    path = tmp_path / f"source{suffix}"
    path.write_text(source, encoding="utf-8")
    assert relative_sentences(path) == []
