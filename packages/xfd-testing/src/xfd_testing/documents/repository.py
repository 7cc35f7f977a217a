"""What the repository has that documents may name: files, Python names and tasks."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SKIPPED = {"target", "node_modules", "dist", "build"}
"""Folders that tools make, beside those whose names begin with a dot."""


@dataclass
class Repository:
    """Files and folders by their paths from the root; a folder's path ends in a slash."""

    root: Path
    paths: frozenset[str]
    tasks: frozenset[str]
    folders: frozenset[str] = field(init=False)
    _names: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folders = frozenset(
            part for path in self.paths for part in path.rstrip("/").split("/")[:-1]
        ) | {path.rstrip("/").rpartition("/")[2] for path in self.paths if path.endswith("/")}

    @classmethod
    def of(cls, root: Path) -> Repository:
        """Reads the repository at `root`."""
        noxfile = root / "noxfile.py"
        tasks = frozenset(_decorated(noxfile.read_text())) if noxfile.exists() else frozenset()
        return cls(root, frozenset(_walk(root)), tasks)

    def has_path(self, path: str) -> bool:
        """Whether a file or folder is at `path`, or at a path that ends with it."""
        wanted = {path.rstrip("/") + "/"} if path.endswith("/") else {path, f"{path}/"}
        return any(
            have in wanted or any(have.endswith(f"/{each}") for each in wanted)
            for have in self.paths
        )

    def module(self, name: str) -> str | None:
        """The path of a Python module or package of the project; None for others."""
        path = name.replace(".", "/")
        for sources in ("src", "python"):
            for each in (f"{path}.py", f"{path}/__init__.py"):
                for have in self.paths:
                    if have.startswith("packages/") and have.endswith(f"/{sources}/{each}"):
                        return have
        top = (f"{path}.py", f"{path}/__init__.py", f"{path}/__main__.py")
        return next((each for each in top if each in self.paths), None)

    def has_name(self, dotted: str) -> bool:
        """Whether `package.module.name` is a module, or a name that the module before it has.

        Attributes of classes are not looked up: `module.Class.anything` holds if the class does.
        """
        parts = dotted.split(".")
        for count in range(len(parts), 0, -1):
            module = self.module(".".join(parts[:count]))
            if module is not None:
                return count == len(parts) or parts[count] in self.names_of(module)
        return False

    def names_of(self, module: str) -> frozenset[str]:
        """The names that a module's own text binds at its top, or lists in `__all__`."""
        if module not in self._names:
            self._names[module] = frozenset(_bound((self.root / module).read_text()))
        return self._names[module]


def _walk(root: Path) -> Iterator[str]:
    for folder, inner, files in os.walk(root):
        kept = [each for each in inner if each == ".github" or each == ".ci" or each[0] != "."]
        inner[:] = [each for each in kept if each not in SKIPPED and each != "__pycache__"]
        here = Path(folder).relative_to(root)
        yield from (f"{here / each}/" for each in inner)
        yield from (str(here / each) for each in files)


def _decorated(source: str) -> Iterator[str]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            yield node.name


def _bound(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            for each in ast.walk(node.value):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield each.value
