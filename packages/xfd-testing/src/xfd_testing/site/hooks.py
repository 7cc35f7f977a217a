"""The hooks of `mkdocs.yml`.

`mkdocs` finds them by their names, and calls them in the order of this file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

from xfd_testing.site import outside


def on_files(files: Files, config: Any) -> Files:
    """Adds what the pages of `docs/` link to outside of it, and what those link to."""
    root = Path(config.config_file_path).parent
    waiting = [
        (f"docs/{page.src_uri}", Path(page.abs_src_path).read_text())
        for page in files.documentation_pages()
        if page.abs_src_path
    ]
    while waiting:
        path, text = waiting.pop()
        for link in outside.links_of(text):
            target = outside.resolved(path, link)
            page = outside.page_of(target)
            if page in files.src_uris or not (root / target).exists():
                continue  # What does not exist is for mkdocs to complain about.
            if target.startswith("docs/"):
                continue
            is_document = target.endswith(".md")
            content = (root / target).read_text() if is_document else outside.listing(root, target)
            level = InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, page, content=content, inclusion=level))
            if is_document:
                waiting.append((target, content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Changes links that leave `docs/`, and those of pages from outside of it."""
    here = page.file.src_uri
    is_outside = here.startswith(f"{outside.PLACE}/")
    path = here.removeprefix(f"{outside.PLACE}/") if is_outside else f"docs/{here}"
    return outside.with_links(markdown, path, here)
