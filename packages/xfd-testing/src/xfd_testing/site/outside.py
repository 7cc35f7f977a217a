"""Links of the documents that leave `docs/`, as the site has them.

A code host shows a document where it lies, so `docs/origins.md` may link to `../CONTRIBUTING.md` or
to a test. The site has these too, as pages below `repository/`: a document as it is, any other text
as a listing. So each link works in both places, and also for a reader without a network.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

PLACE = "repository"
"""The folder of the site for pages from outside of `docs/`."""

_LINK = re.compile(r"(?P<before>\]\()(?P<link>[^)\s]+)(?P<after>\))")
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1\s*$", re.MULTILINE | re.DOTALL)
_LANGUAGES = {".py": "python", ".rs": "rust", ".yml": "yaml", ".toml": "toml", ".sh": "sh"}


def page_of(path: str) -> str:
    """The source of the site's page for a path of the repository, below `docs/`.

    >>> page_of("docs/origins.md"), page_of("README.md"), page_of("docs")
    ('origins.md', 'repository/README.md', 'index.md')
    >>> page_of("tests/conftest.py"), page_of("dashboards")
    ('repository/tests/conftest.py.md', 'repository/dashboards.md')
    """
    if path == "docs":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{PLACE}/{path}" if path.endswith(".md") else f"{PLACE}/{path}.md"


def links_of(markdown: str) -> Iterator[str]:
    """The targets of relative links, without their anchors."""
    for match in _LINK.finditer(_FENCE.sub("", markdown)):
        if target := _target(match["link"]):
            yield target


def with_links(markdown: str, path: str, here: str) -> str:
    """A document's text, with its links as the site has them.

    Args:
        markdown: the text.
        path: where the document lies in the repository.
        here: the source of its page in the site.
    """

    def linked(match: re.Match[str]) -> str:
        if not (target := _target(match["link"])):
            return match[0]
        page = page_of(resolved(path, target))
        new = posixpath.relpath(page, posixpath.dirname(here) or ".")
        anchor = match["link"].partition("#")[2]
        return f"{match['before']}{new}{'#' + anchor if anchor else ''}{match['after']}"

    return _outside_of_fences(markdown, lambda text: _LINK.sub(linked, text))


def resolved(path: str, target: str) -> str:
    """The path in the repository that a link of the document at `path` leads to.

    >>> resolved("docs/screens/README.md", "../report.md")
    'docs/report.md'
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def listing(root: Path, path: str) -> str:
    """A page that shows a file of the repository, or the names in a folder."""
    place = root / path
    title = f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n"
    if place.is_dir():
        return title + "\n".join(f"- `{each.name}`" for each in sorted(place.iterdir()))
    language = _LANGUAGES.get(place.suffix, "text")
    return f"{title}``````{language}\n{place.read_text().rstrip()}\n``````\n"


def _target(link: str) -> str:
    """The path of a relative link; "" for an address and for an anchor of the same page."""
    return "" if re.match(r"[a-z]+:", link) else unquote(link.partition("#")[0])


def _outside_of_fences(markdown: str, change: Callable[[str], str]) -> str:
    pieces: list[str] = []
    last = 0
    for fence in _FENCE.finditer(markdown):
        pieces += [change(markdown[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*pieces, change(markdown[last:])])
