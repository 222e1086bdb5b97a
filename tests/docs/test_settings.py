"""docs/settings.md is made from the classes: `python -m tests.docs.test_settings` writes it."""

from pathlib import Path

from pydantic_core import PydanticUndefined

from simulcast.settings.front_end import FrontEndSettings
from simulcast.settings.shared import SharedSettings
from simulcast.settings.worker import WorkerSettings

DOCUMENT = Path(__file__).parents[2] / "docs/settings.md"
HEAD = """# Settings

From the environment, read once at the start; a command's flags override. Made from the classes that read them.
`simulcast watch` alone reads `SIMULCAST_TOKEN`: see [access](access.md).

| setting | default | read by | meaning |
|---|---|---|---|
"""


def document() -> str:
    rows = []
    shared = set(SharedSettings.model_fields)
    for program, settings in (("all", SharedSettings), ("front-end", FrontEndSettings), ("worker", WorkerSettings)):
        for name, field in settings.model_fields.items():
            if program != "all" and name in shared:
                continue
            default = "" if field.default in ("", (), PydanticUndefined) else f"`{field.default}`"
            rows.append(f"| `{field.validation_alias}` | {default} | {program} | {field.description} |")
    return HEAD + "\n".join(rows) + "\n"


def test_the_document_says_what_the_classes_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
