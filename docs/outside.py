"""Lets the site's pages link to files of the project that lie outside docs/: they are copied into it.

A hook of MkDocs (https://www.mkdocs.org/user-guide/configuration/#hooks). Links stay as they must be for who reads the
pages in the repository. A link to a file that isn't there is left, and fails the build. The menu needs none of them.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)")
_PLACE = "project/"  # where they are in the site


def _path(place: str) -> str:
    """What is at that place of the site, as a path in the project."""
    return place.removeprefix(_PLACE) if place.startswith(_PLACE) else f"docs/{place}"


def _place(path: str) -> str:
    """Where a path of the project is in the site."""
    return path.removeprefix("docs/") if path.startswith("docs/") else _PLACE + path


def _linked(page: str, link: str) -> str:
    """The path in the project to which the page at that place links."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(_path(page)), link))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds every file outside docs/ that a page links to, and what those link to in turn."""
    root = Path(config.docs_dir).parent
    pages = list(files.documentation_pages())
    for page in pages:
        for link in _LINK.findall(page.content_string):
            path = _linked(page.src_uri, link)
            source, place = root / path, _place(path)
            if path.startswith(("docs/", "..")) or not source.is_file() or files.get_file_from_path(place):
                continue
            found = File.generated(config, place, abs_src_path=str(source), inclusion=InclusionLevel.NOT_IN_NAV)
            files.append(found)
            if found.is_documentation_page():
                pages.append(found)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Points links to those copies, and theirs to pages."""
    here = page.file.src_uri

    def moved(found: re.Match[str]) -> str:
        place = _place(_linked(here, found[1]))
        crosses = here.startswith(_PLACE) or place.startswith(_PLACE)
        if not crosses or not files.get_file_from_path(place):
            return found[1]
        return posixpath.relpath(place, posixpath.dirname(here) or ".")

    return _LINK.sub(moved, markdown)
