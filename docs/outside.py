"""Lets the site's pages link to files of the project that lie outside docs/: they are copied into it.

A hook of MkDocs (https://www.mkdocs.org/user-guide/configuration/#hooks). Links stay as they must be for who reads the
pages in the repository. A link to a file that isn't there is left, and fails the build.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)")
_PLACE = "project"  # where they are in the site


def _outside(page: str, link: str) -> str | None:
    """The path in the project that a page's link leads to, where that is not in docs/."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if path.startswith(("docs/", "..")) else path


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds every file outside docs/ that a page links to."""
    root = Path(config.docs_dir).parent
    for file in list(files.documentation_pages()):
        for link in _LINK.findall(file.content_string):
            path = _outside(file.src_uri, link)
            place = f"{_PLACE}/{path}"
            if path and (root / path).is_file() and not files.get_file_from_path(place):
                files.append(File.generated(config, place, abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Points those links at the copies."""
    here = page.file.src_uri

    def moved(found: re.Match[str]) -> str:
        path = _outside(here, found[1])
        if path is None or not files.get_file_from_path(f"{_PLACE}/{path}"):
            return found[1]
        return posixpath.relpath(f"{_PLACE}/{path}", posixpath.dirname(here) or ".")

    return _LINK.sub(moved, markdown)
