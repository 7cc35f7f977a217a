"""The table of origins has a row for each kind of store, and each row names a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "origins.md"
ROW = re.compile(r"^\| (?!origin |-)(.+) \|$", re.MULTILINE)
TEST = re.compile(r"\[`(\w+)`\]\(([^)]+)\)")


def rows() -> list[list[str]]:
    """The cells of each row of the first table."""
    table = PAGE.read_text().partition("\n\n|")[2].partition("\n\n")[0]
    return [row.split(" | ") for row in ROW.findall("|" + table)]


def class_named(name: str, file: Path) -> ast.ClassDef:
    tree = ast.parse(file.read_text())
    return next(
        node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name
    )


def test_each_kind_of_store_has_its_row() -> None:
    stores = ROOT / "packages/xfd-api/src/xfd_api/stores.py"
    kinds = [node for node in class_named("StoreKind", stores).body if isinstance(node, ast.Assign)]
    makers = {
        node.name
        for node in class_named("ObjectStoreConfig", stores).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("make_for_")
    }
    named = [cells[2].strip("`") for cells in rows()]
    assert set(named) == makers
    assert len(named) == len(makers) == len(kinds)


def test_each_row_names_tests_that_exist() -> None:
    for cells in rows():
        tests = TEST.findall(cells[-1])
        assert tests, cells[0]
        for name, link in tests:
            source = (PAGE.parent / link).read_text()
            assert re.search(rf"^\s*(async )?(def|fn) {name}\(", source, re.MULTILINE), name
