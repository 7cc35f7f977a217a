"""What a document names: links, anchors, paths, Python names, imports and tasks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from urllib.parse import unquote

from xfd_testing.documents.page import Finding, Page
from xfd_testing.documents.repository import Repository

_PATH = re.compile(r"\.?[\w.-]+(/[\w.-]+)*/?")
_SOURCE_FILE = re.compile(r"\w[\w-]*\.(py|rs|pyi|toml|ya?ml)")
_DOTTED = re.compile(r"(xfd_\w+(?:\.\w+)+)\b")
_TASK = re.compile(r"\bnox (?:[^`\n&|]*? )?-s (\w+)")


def check_references(page: Page, repository: Repository) -> Iterator[Finding]:
    """What a page names and the repository does not have."""
    for text in page.texts:
        for link in text.links:
            if problem := _link(page, link):
                yield Finding(page.path, text.line, problem)
        for code in text.codes:
            for problem in _code(code, repository):
                yield Finding(page.path, text.line, problem)
    for line, language, code in page.blocks:
        for problem in _tasks(code, repository):
            yield Finding(page.path, line, problem)
        if language == "python":
            for problem in _python(code, repository):
                yield Finding(page.path, line, problem)


def _link(page: Page, link: str) -> str | None:
    """What is wrong with a relative link, if anything."""
    if re.match(r"[a-z]+:", link):
        return None
    target, _, anchor = unquote(link).partition("#")
    file = page.path.parent / target if target else page.path
    if target and not file.exists():
        return f"a link to {link}, which does not exist"
    if anchor:
        linked = Page.read(file) if target else page
        if anchor not in linked.anchors():
            return f"a link to {link}, and no heading there has this anchor"
    return None


def _code(code: str, repository: Repository) -> Iterator[str]:
    """Paths, dotted names and tasks in a code span.

    A span is taken for a path of the repository if its first part is a folder that the repository
    has, or if it is the bare name of a source file.
    """
    is_path = bool(_PATH.fullmatch(code)) and "/" in code
    is_ours = is_path and code.split("/")[0] in repository.folders
    if (is_ours or _SOURCE_FILE.fullmatch(code)) and not repository.has_path(code):
        yield f"the path `{code}`, which does not exist"
    for dotted in _DOTTED.findall("" if is_path else code):
        if repository.module(dotted.split(".")[0]) and not repository.has_name(dotted):
            yield f"the name `{dotted}`, which no module has"
    yield from _tasks(code, repository)


def _tasks(code: str, repository: Repository) -> Iterator[str]:
    for task in _TASK.findall(code):
        if task not in repository.tasks:
            yield f"the task `nox -s {task}`, which noxfile.py does not have"


def _python(code: str, repository: Repository) -> Iterator[str]:
    """A Python block that is no Python, or imports what the project's modules do not have."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        yield f"a Python block that cannot be parsed: {error}"
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("xfd_") and not repository.has_name(name):
                yield f"a Python block that imports {name}, which does not exist"
