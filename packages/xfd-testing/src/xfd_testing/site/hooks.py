"""The hooks of `mkdocs.yml`.

`mkdocs` finds them by their names, and calls them in the order of this file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel
from pymdownx.superfences import fence_code_format

from xfd_testing.site import outside

SCRIPTS = {
    "assets/mermaid.js": "@mermaid-js/tiny/dist/mermaid.tiny.js",
    "assets/iframe-worker.js": "iframe-worker/shim/index.js",
}
"""Scripts of the site, in the packages that `nox -s docs` fetches once: the first draws diagrams in
the reader's browser, the second lets a search run on pages that were opened from a folder."""

_MERMAID, _WORKER = SCRIPTS


def on_config(config: Any) -> Any:
    """Names the site's own scripts where the theme would name those of a server.

    Without one, diagrams stay text; without the other, a search needs a server.
    """
    has = _scripts(config)
    config.extra["polyfills"] = [_WORKER] if _WORKER in has else []
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
    if _MERMAID in has:
        drawn = {"name": "mermaid", "class": "mermaid", "format": fence_code_format}
        fences["custom_fences"] = [drawn]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds what the pages of `docs/` link to outside of it, and what those link to."""
    root = Path(config.config_file_path).parent
    for place, script in _scripts(config).items():
        files.append(File.generated(config, place, abs_src_path=str(script)))
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


def on_page_content(html: str, **_: Any) -> str:
    """Shows an escaped pipe in a table's code as a code host does; Python's Markdown keeps it."""
    return re.sub(r"<td[^>]*>.*?</td>", lambda cell: cell[0].replace("\\|", "|"), html)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Loads the program that draws diagrams on the pages that have one, before the theme's own."""
    if 'class="mermaid"' not in output:
        return output
    script = "../" * page.url.count("/") + _MERMAID
    before, found, after = output.rpartition('<script src="')
    return f'{before}<script src="{script}"></script>{found}{after}'


def _scripts(config: Any) -> dict[str, Path]:
    packages = Path(config.config_file_path).parent / ".nox/docs-scripts/node_modules"
    return {place: packages / path for place, path in SCRIPTS.items() if (packages / path).exists()}
