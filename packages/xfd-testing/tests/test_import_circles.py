"""No modules of a package import each other in a circle, not even for types or inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[2]
SOURCES = sorted([*PACKAGES.glob("*/src/xfd_*"), *PACKAGES.glob("xfd-dataplane/python/xfd_*")])


def modules_of(source: Path) -> dict[str, Path]:
    """The modules of a package by their full names."""
    modules = {}
    for file in source.rglob("*.py"):
        parts = file.relative_to(source.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return modules


def imported_by(file: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules that a module imports, at its top or in a function."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                name = name if name in modules else node.module
                if name in modules:
                    yield name


def circle_in(source: Path) -> list[str]:
    """The modules of one circle, if there is one."""
    modules = modules_of(source)
    graph = {name: set(imported_by(file, modules)) for name, file in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def test_all_packages_are_looked_at() -> None:
    assert [source.name for source in SOURCES] == [
        *("xfd_api", "xfd_dataplane", "xfd_pipelines", "xfd_ray", "xfd_scheduler", "xfd_testing")
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_modules_import_one_way(source: Path) -> None:
    assert circle_in(source) == []


def test_a_circle_is_found_also_if_it_is_for_types_only(tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    for file in ("__init__.py", "inner/__init__.py"):
        (package / file).write_text("")
    (package / "a.py").write_text("from package.inner import b\n")
    (package / "inner/b.py").write_text(
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from package.a import A\n"
    )

    assert set(circle_in(package)) == {"package.a", "package.inner.b"}
