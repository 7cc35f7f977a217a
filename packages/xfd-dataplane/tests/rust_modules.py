"""The modules of a Rust crate and the modules that each of them imports, read from its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

Graph = dict[str, set[str]]
"""Modules by their path (``store::slot``), with the modules that they use. The crate is ``""``."""


def module_graph(source: Path) -> Graph:
    """The modules below a crate's `src` folder, without their tests.

    A module uses another one if a `use` declaration or a path names it, or an item in it. `mod`
    declarations, visibilities and comments do not count.
    """
    files = {_module(path.relative_to(source)): path for path in source.rglob("*.rs")}
    modules = {name: path for name, path in files.items() if name.split("::")[-1] != "tests"}
    return {name: _used(name, _code(path), set(modules)) for name, path in modules.items()}


def circles(graph: Graph) -> list[set[str]]:
    """The sets of modules that reach each other, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for used in graph[name]:
            if used not in order:
                visit(used)
                low[name] = min(low[name], low[used])
            elif used in stack:
                low[name] = min(low[name], order[used])
        if low[name] == order[name]:
            members = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            if len(members) > 1:
                found.append(members)

    for name in graph:
        if name not in order:
            visit(name)
    return found


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    if parts[-1] == "mod" or parts == ("lib",):
        parts = parts[:-1]
    return "::".join(parts)


def _code(path: Path) -> str:
    text = re.sub(r"//[^\n]*|pub\(in [^)]*\)", "", path.read_text())
    return re.split(r"#\[cfg\(test\)\]\s*mod tests", text)[0]


def _used(module: str, code: str, modules: set[str]) -> set[str]:
    declarations = re.findall(r"\buse\s+([^;]+);", code)
    rest = re.sub(r"\buse\s+[^;]+;", "", code)
    paths = [path for declared in declarations for path in _expanded(" ".join(declared.split()))]
    paths += re.findall(r"(?<![\w:])[a-z_]\w*(?:::\w+)+", rest)
    return {used for path in paths for used in _resolved(module, path, modules)} - {module}


def _expanded(declared: str) -> Iterator[str]:
    """`a::{b, c::{d}}` as `a::b` and `a::c::d`."""
    if "{" not in declared:
        yield declared.split(" as ")[0].strip()
        return
    before, _, inner = declared.partition("{")
    depth, item = 0, ""
    for letter in inner.rstrip().removesuffix("}") + ",":
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            if item.strip():
                yield from _expanded(before.strip() + item.strip())
            item = ""
        else:
            item += letter


def _resolved(module: str, path: str, modules: set[str]) -> Iterator[str]:
    """The module that a path names, or that has the item that it names."""
    parts = path.split("::")
    base = module.split("::") if module else []
    if parts[0] == "crate":
        base, parts = [], parts[1:]
    elif parts[0] == "self":
        parts = parts[1:]
    elif parts[0] == "super":
        while parts and parts[0] == "super":
            base, parts = base[:-1], parts[1:]
    elif "::".join([*base, parts[0]]) not in modules:
        return
    for part in parts:
        if "::".join([*base, part]) not in modules:
            break
        base.append(part)
    yield "::".join(base)
