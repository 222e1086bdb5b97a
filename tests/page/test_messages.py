"""All texts of the page stand in its message files, and each language has all of them."""

import json
import re
import subprocess
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.page.stub import PAGE
from tests.tools import program_path

LANGUAGES = ("en", "de", "zh-Hans", "ar")
CODE = sorted(path for path in PAGE.glob("*.js"))
# A string of two words, or one that begins as a sentence does.
TEXT = re.compile(r"[A-Za-z]{2,}[.,:;!?…]? +[\w{]|[\w}] +[A-Za-z]{2,}|^[A-Z][a-z]+|[A-Za-z]{2,} $|^ [a-z]{2,}")
RAISED = re.compile(r"super\([^)]*\)")  # a console alone shows the message of an error
VALUE = re.compile(r"\$\{[^}]*\}")
# Names of keys, events, formats and headers, selectors and addresses, which nobody reads.
UNREAD = re.compile(
    r"""^(
      Enter | Escape | Delete | ArrowDown | ArrowUp | Notification | TimeoutError
      | Bearer\ .* | POST | PUT | PATCH | GET | UTC | simulcast\ .* | Simulcast
      | .*[\[#(].* | [a-z-]+(,\ ?[a-z.-]+)+
    )$""",
    re.VERBOSE,
)
STRING = re.compile(
    r"""
    //[^\n]* | /\*.*?\*/  # comments
    | /(?![*/])(?:\\.|\[[^\]]*\]|[^/\\\n])+/[a-z]*(?=[.,;)\ ])  # regular expressions
    | "((?:\\.|[^"\\\n])*)" | `((?:\\.|[^`\\])*)`
    """,
    re.DOTALL | re.VERBOSE,
)
CALL = re.compile(r"""\bt\((?:/\*.*?\*/ ?\()?([^,{})]*)""")
PLACE = re.compile(r"\{(\w+)\}")
VOID = {"input", "meta", "link", "img", "br", "path", "use"}
SILENT = {"script", "style", "title", "noscript", "code", "kbd", "h1"}  # h1: the name of the program


def messages() -> dict[str, dict[str, Any]]:
    """Return the messages of each language, read by Node."""
    imports = [
        f'"{name}": (await import({json.dumps(str(PAGE / "messages" / name))} + ".js")).default' for name in LANGUAGES
    ]
    script = f"console.log(JSON.stringify({{{', '.join(imports)}}}))"
    node = program_path("node", "nodejs (20 or newer)")
    run = subprocess.run(
        [node, "--input-type=module", "--eval", script], capture_output=True, text=True, check=True, timeout=120
    )
    found: dict[str, dict[str, Any]] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return messages()


def forms(message: Any) -> list[str]:
    return [message] if isinstance(message, str) else list(message.values())


def texts_in(code: str) -> list[str]:
    """Return the strings of a module that a person could read."""
    strings = [first or VALUE.sub("{}", second) for first, second in STRING.findall(RAISED.sub("", code))]
    return [text for text in strings if TEXT.search(text) and not UNREAD.match(text)]


ATTRIBUTES = {"aria-label": "data-t-label", "placeholder": "data-t-placeholder", "title": "data-t-title"}


class Texts(HTMLParser):
    """The texts in the page's HTML, with their keys: what stands between tags, and in attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.keyed: list[tuple[str, str]] = []
        self.bare: list[str] = []
        self._open: list[tuple[str, dict[str, str | None], list[str], int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name, keyed in ATTRIBUTES.items():
            text = given.get(name)
            if keyed in given:
                self.keyed.append((given[keyed] or "", text or ""))
            elif text and not text.startswith("https://"):
                self.bare.append(text)
        if self._open:
            parent, attributes, parts, count = self._open.pop()
            parts.append(f"{{{count + 1}}}")
            self._open.append((parent, attributes, parts, count + 1))
        if tag not in VOID:
            self._open.append((tag, given, [], 0))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        _, given, parts, _ = self._open.pop()
        text = re.sub(r"\s+", " ", "".join(parts))
        if given.get("data-t") is not None:
            self.keyed.append((given["data-t"] or "", text))
        elif "lang" in given or SILENT.intersection([tag, *(name for name, *_ in self._open)]):
            return
        elif re.search(r"\w\w", PLACE.sub("", text)):
            self.bare.append(text)

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1][2].append(data)


@pytest.fixture(scope="module")
def html() -> Texts:
    texts = Texts()
    texts.feed((PAGE / "index.html").read_text(encoding="utf-8"))
    return texts


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_each_language_has_the_same_texts_with_the_same_places(found: dict[str, dict[str, Any]], language: str) -> None:
    english, own = found["en"], found[language]
    assert list(own) == list(english)
    for key, message in own.items():
        places = {place for text in forms(english[key]) for place in PLACE.findall(text)}
        assert {place for text in forms(message) for place in PLACE.findall(text)} == places, key
        assert all(text.strip() for text in forms(message)), key


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["one", "other"]),
        ("de", ["one", "other"]),
        ("zh-Hans", ["other"]),
        ("ar", ["zero", "one", "two", "few", "many", "other"]),
    ],
)
def test_a_plural_has_all_forms_of_its_language(
    found: dict[str, dict[str, Any]], language: str, expected: list[str]
) -> None:
    plurals = {key: list(message) for key, message in found[language].items() if not isinstance(message, str)}
    assert plurals == dict.fromkeys(plurals, expected)
    assert list(plurals) == [key for key, message in found["en"].items() if not isinstance(message, str)]


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_no_text_stands_in_code(path: Any) -> None:
    assert texts_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('button.title = "Pause all";', ["Pause all"]),
        ("announce(`${count} shown here.`);", ["{} shown here."]),
        ("setText(count, `${size} selected`); // not this one", ["{} selected"]),
        ('label.textContent = "Save";', ["Save"]),
        ('if (event.key === "Enter") list.querySelector("button, a[href]");', []),
        ('t("pause_all"); /* "A comment" */', []),
    ],
)
def test_a_text_in_code_is_found(code: str, expected: list[str]) -> None:
    assert texts_in(code) == expected


def test_the_texts_in_the_html_are_those_of_the_english_messages(found: dict[str, dict[str, Any]], html: Texts) -> None:
    assert html.bare == []
    assert [(key, found["en"].get(key)) for key, _ in html.keyed] == html.keyed


def test_each_key_is_used_and_each_that_is_used_exists(found: dict[str, dict[str, Any]], html: Texts) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in CODE)
    quoted = {key for key, _ in html.keyed} | set(re.findall(r'"(\w+)"', code))
    assert [key for key in found["en"] if key not in quoted] == []
    called = {key for call in CALL.findall(code) for key in re.findall(r'(?:^|[?:] )"(\w+)"', call)}
    assert [key for key in sorted(called) if key not in found["en"]] == []
