"""The site of docs/ is complete, its links lead to files, and it fetches nothing from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import ROOT

pytestmark = pytest.mark.long

# URLs that a browser fetches by itself, unlike links that a person may follow.
FETCHED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")
IN_STYLES = re.compile(r"(?:@import\s*|url\()\s*[\"']?((?:https?:)?//[^\"')]+)")
BROKEN = {
    "a link": "[nowhere](nowhere.md)",
    "a link to another folder": "[nowhere](../simulcast/nowhere.py)",
    "an anchor": "[nowhere](protocol.md#nowhere)",
}


def build(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site. With -q MkDocs would count no warnings, and strict would mean nothing."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-f", project / "mkdocs.yml", "-d", site],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy whose documents a test may spoil."""
    for name in ("app", "benchmarks", "deploy", "simulcast", "docker-compose.yml", ".env.example"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "mkdocs.yml").write_bytes((ROOT / "mkdocs.yml").read_bytes())
    for path in (ROOT / "docs").rglob("*.*"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return tmp_path


def test_every_document_is_a_page(site: Path) -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        page = path.relative_to(ROOT / "docs").with_suffix(".html")
        assert (site / (page.with_name("index.html") if page.name == "README.html" else page)).is_file(), page


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    pages, styles = list(site.rglob("*.html")), list(site.rglob("*.css"))
    assert pages and styles
    assert [url for path in pages for url in FETCHED.findall(path.read_text(encoding="utf-8"))] == []
    assert [url for path in styles for url in IN_STYLES.findall(path.read_text(encoding="utf-8"))] == []


def test_the_site_has_the_logo_and_the_colours_of_the_page(site: Path) -> None:
    assert (site / "icon.svg").read_bytes() == (ROOT / "app/page/icon.svg").read_bytes()
    assert 'src="icon.svg"' in (site / "index.html").read_text(encoding="utf-8")
    own, drawing, page = (
        set(re.findall(r"#[0-9a-f]{6}\b", path.read_text(encoding="utf-8")))
        for path in (site / "site.css", site / "concepts.svg", ROOT / "app/page/page.css")
    )
    assert own and drawing
    assert (own | drawing) - page == set()


def test_names_in_tables_break_at_the_end_of_a_word_only(site: Path) -> None:
    for page, name in (("settings.html", "SIMULCAST_"), ("guarantees.html", "tests/")):
        cells = re.findall(r"<td[^>]*>.*?</td>", (site / page).read_text(encoding="utf-8"), re.DOTALL)
        names = [code for cell in cells for code in re.findall(r"<code>(.*?)</code>", cell) if "wbr" in code]
        assert any(code.replace("<wbr>", "").startswith(name) for code in names)
        assert [code for code in names if re.search(r"[^_/:]<wbr>", code)] == []


def test_the_messages_are_in_the_menu(site: Path) -> None:
    menu = re.findall(r'class="md-ellipsis">\s*(.*?)\s*<', (site / "index.html").read_text(encoding="utf-8"))
    assert {"Protocol", "Messages", "Settings"} <= set(menu)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_link_that_leads_nowhere_fails_the_build(project: Path, kind: str) -> None:
    document = project / "docs/architecture.md"
    document.write_text(document.read_text(encoding="utf-8") + f"\n{BROKEN[kind]}\n", encoding="utf-8")
    done = build(project, project / "site")
    assert done.returncode != 0
    assert "nowhere" in done.stderr


@pytest.mark.parametrize("change", ["missing", "not in the menu"])
def test_a_page_that_is_missing_or_not_in_the_menu_fails_the_build(project: Path, change: str) -> None:
    if change == "missing":
        config = project / "mkdocs.yml"
        config.write_text(config.read_text(encoding="utf-8") + "  - Nowhere: nowhere.md\n", encoding="utf-8")
    else:
        (project / "docs/nowhere.md").write_text("# Nowhere\n", encoding="utf-8")
    done = build(project, project / "site")
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr
