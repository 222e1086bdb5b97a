"""docs/settings.md is made from the classes: `python -m tests.docs.test_settings` writes it."""

import re
from pathlib import Path

import pytest
from pydantic import ByteSize

from simulcast.settings.front_end import FrontEndSettings
from simulcast.settings.redis import setting_name
from simulcast.settings.shared import SharedSettings
from simulcast.settings.worker import WorkerSettings

DOCUMENT = Path(__file__).parents[2] / "docs/settings.md"
HEAD = """# Settings

Each program reads its settings from the environment once, when it starts; the flags of a command override them. A
value that makes no sense, or a setting by its old name, stops the start with a message. `simulcast doctor` finds
settings that no program reads. Lists are separated by commas, sizes may have a unit (`500KiB`, `4MB`), and a switch
is `true` or `false`. An empty value sets nothing, but an empty list. Commands read `SIMULCAST_URL` and
`SIMULCAST_TOKEN`, too: see [the command line](cli.md).

| setting | default | read by | meaning |
|---|---|---|---|
"""
PROGRAMS: dict[str, type[SharedSettings]] = {
    "all": SharedSettings,
    "front-end": FrontEndSettings,
    "worker": WorkerSettings,
}
DEFAULTS = re.findall(r"^\| `(\w+)` \| `(.+?)` \| ([\w-]+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)


def as_set(value: object) -> str:
    """The text that sets the value through the environment."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case ByteSize():
            return value.human_readable(decimal=True).replace(".0", "") if value >= 1000 else str(int(value))
        case tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


def document() -> str:
    rows = []
    for program, settings_class in PROGRAMS.items():
        for name, field in settings_class.model_fields.items():
            if program == "all" or name not in SharedSettings.model_fields:
                default = f"`{text}`" if (text := as_set(field.default)) else ""
                meaning = " ".join(str(field.description).split())
                rows.append(f"| `{setting_name(name)}` | {default} | {program} | {meaning} |")
    return HEAD + "\n".join(rows) + "\n"


def test_the_document_matches_the_classes() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


@pytest.mark.parametrize(("setting", "default", "program"), DEFAULTS)
def test_a_documented_default_can_be_set_and_changes_nothing(
    setting: str, default: str, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_class = PROGRAMS[program]
    monkeypatch.delenv(setting, raising=False)
    unset = settings_class()
    monkeypatch.setenv(setting, default)
    assert settings_class() == unset


@pytest.mark.parametrize(("setting", "default", "program"), DEFAULTS)
def test_an_empty_value_sets_nothing_but_an_empty_list(
    setting: str, default: str, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_class = PROGRAMS[program]
    monkeypatch.delenv(setting, raising=False)
    unset = settings_class.from_environment().model_dump()
    monkeypatch.setenv(setting, "")
    changed = {
        name: value for name, value in settings_class.from_environment().model_dump().items() if value != unset[name]
    }
    assert changed == {} or ("," in default and list(changed.values()) == [()])


def test_the_default_of_each_kind_of_setting_is_documented() -> None:
    documented = {setting: default for setting, default, _ in DEFAULTS}
    assert documented["SIMULCAST_PROXIES"] == "127.0.0.1,::1"
    assert documented["SIMULCAST_COMPRESSION"] == "false"
    assert documented["SIMULCAST_MIN_FREE_BYTES"] == "100MB"
    assert documented["SIMULCAST_DRAIN_S"] == "5"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
