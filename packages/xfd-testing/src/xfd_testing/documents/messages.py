"""The texts of the project's errors, found in its sources.

A text that is put together of pieces is shown with `…` where a value stands:
`f"There is no profile {name!r}"` is "There is no profile …". Everything is read as text, and
nothing is imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

GAP = "…"
_STAND_INS = ("xfd_api/testing", "xfd_scheduler/testing", "xfd_scheduler/simulator", "/tests/")
"""What only tests raise is nothing that a user sees."""
_IN_RUST = re.compile(r'Kind::(\w+),\s*(?:&?format!\(\s*)?"((?:[^"\\]|\\.)*)"')
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_LEAST_LETTERS = 8
"""A text with fewer letters of its own says nothing that could be looked for."""


def messages_of(root: Path, classes: Iterable[str]) -> dict[str, list[str]]:
    """The texts of each class of errors, in the order of the alphabet.

    Args:
        root: of the repository.
        classes: names of the classes, such as "DiskFullError".
    """
    found: dict[str, set[str]] = {name: set() for name in classes}
    for source in sorted((root / "packages").glob("*/*/**/*")):
        if any(part in str(source) for part in _STAND_INS):
            continue
        if source.suffix == ".py":
            pairs = python_messages(source.read_text())
        elif source.suffix == ".rs" and "/src/" in str(source):
            pairs = rust_messages(source.read_text())
        else:
            continue
        for name, text in pairs:
            if name in found and sum(map(str.isalpha, text)) >= _LEAST_LETTERS:
                found[name].add(text)
    return {name: sorted(texts) for name, texts in found.items()}


def python_messages(source: str) -> Iterator[tuple[str, str]]:
    """Each call whose first argument is a text: the name that is called, and the text.

    >>> list(python_messages('raise DiskFullError(f"{n} bytes are needed", path=path)'))
    [('DiskFullError', '… bytes are needed')]
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else ""
            name = called.id if isinstance(called, ast.Name) else name
            for text in _texts(node.args[0]):
                yield name, _plain(text)


def rust_messages(source: str) -> Iterator[tuple[str, str]]:
    """Each text beside a kind of error, by the name that its class has in Python.

    >>> list(rust_messages('Error::new(Kind::Peer, format!("The peer {drip}"))'))
    [('PeerError', 'The peer …')]
    """
    renamed = {"Cancelled": "DownloadCancelled"}
    for kind, text in _IN_RUST.findall(source.partition("#[cfg(test)]")[0]):
        shown = text.replace('\\"', '"').replace("\\n", " ")
        yield f"{renamed.get(kind, kind)}Error", _plain(_PLACEHOLDER.sub(GAP, shown))


def _texts(node: ast.expr) -> list[str]:
    """What an expression may be as text; alternatives are several."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        pieces = [each.value if isinstance(each, ast.Constant) else GAP for each in node.values]
        return ["".join(map(str, pieces))]
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [one + two for one in _texts(node.left) for two in _texts(node.right)]
    return [GAP]


def _plain(text: str) -> str:
    return re.sub(rf"{GAP}(\s*{GAP})+", GAP, " ".join(text.split()))
