"""Hooks of MkDocs (https://www.mkdocs.org/user-guide/configuration/#hooks): the parts of the site outside docs/.

Files of the project that a page links to are copied into the site. Links stay as readers of the repository need them;
a link to a missing file stays too, and fails the build. The menu needs none of these files. The logo is the one of the
product's page.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)")
_PREFIX = "project/"  # folder of these files in the site
_ICON = "app/page/icon.svg"
_CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)
_CODE = re.compile(r"(?<=<code>)[^<]+(?=</code>)")
_WORD_END = re.compile(r"(?<=\w[_/])(?=\w)|(?<=::)")
_MIN_BREAKABLE_CHARS = 24


def _path(uri: str) -> str:
    """Return the path in the project of the file at `uri` in the site."""
    return uri.removeprefix(_PREFIX) if uri.startswith(_PREFIX) else f"docs/{uri}"


def _uri(path: str) -> str:
    """Return the place in the site of the project's file at `path`."""
    return path.removeprefix("docs/") if path.startswith("docs/") else _PREFIX + path


def _target(page: str, link: str) -> str:
    """Return the path in the project of the file to which the page at that URI links."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(_path(page)), link))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the logo, every file outside docs/ to which a page links, and the files to which those link in turn."""
    root = Path(config.docs_dir).parent
    files.append(File.generated(config, "icon.svg", abs_src_path=str(root / _ICON)))
    pages = list(files.documentation_pages())
    for page in pages:
        for link in _LINK.findall(page.content_string):
            path = _target(page.src_uri, link)
            source, uri = root / path, _uri(path)
            if path.startswith(("docs/", "..")) or not source.is_file() or files.get_file_from_path(uri):
                continue
            copy = File.generated(config, uri, abs_src_path=str(source), inclusion=InclusionLevel.NOT_IN_NAV)
            files.append(copy)
            if copy.is_documentation_page():
                pages.append(copy)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to those copies, and the links of the copies to pages."""
    here = page.file.src_uri

    def moved(match: re.Match[str]) -> str:
        uri = _uri(_target(here, match[1]))
        crosses = here.startswith(_PREFIX) or uri.startswith(_PREFIX)
        if not crosses or not files.get_file_from_path(uri):
            return match[1]
        return posixpath.relpath(uri, posixpath.dirname(here) or ".")

    return _LINK.sub(moved, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let long names in tables break behind an underscore, a slash and a double colon."""

    def breakable(code: re.Match[str]) -> str:
        return _WORD_END.sub("<wbr>", code[0]) if len(code[0]) > _MIN_BREAKABLE_CHARS else code[0]

    return _CELL.sub(lambda cell: _CODE.sub(breakable, cell[0]), html)
