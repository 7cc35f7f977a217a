"""YAML documents whose values know their line, so that errors can name it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from xfd_api.errors import InvalidRequestError, XfdError


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a document.

    Attributes:
        value: a scalar, a list of `Place`s, or a dictionary of them.
        file: the document's name.
        line: counted from 1.
        path: the keys that lead here, such as `requests[1].uri`.
    """

    value: Any
    file: str
    line: int
    path: str

    def entries(self) -> dict[str, Place]:
        """The values of a mapping, by key.

        Raises:
            InvalidRequestError: it is none.
        """
        if not isinstance(self.value, dict):
            raise self.wrong("it is no mapping", "Write KEY: VALUE")
        return self.value

    def items(self) -> list[Place]:
        """The values of a list.

        Raises:
            InvalidRequestError: it is none.
        """
        if not isinstance(self.value, list):
            raise self.wrong("it is no list", "Write each on a line that begins with -")
        return self.value

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        return self.value

    def wrong(self, what: str, remedy: str) -> InvalidRequestError:
        """The error of a value that makes no sense."""
        return InvalidRequestError(f"{self._where}: {what}", remedy=remedy)

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Names this place in an error of what is made of it."""
        try:
            yield
        except XfdError as error:
            if error.what.startswith(f"{self.file}, line "):
                raise
            raise type(error)(f"{self._where}: {error.what}", **error.fields()) from None

    @property
    def _where(self) -> str:
        return f"{self.file}, line {self.line}" + (f", {self.path}" if self.path else "")


def read_yaml(text: str, file: str) -> Place:
    r"""The document, with a `Place` for each value.

    Raises:
        InvalidRequestError: it is no YAML, or uses a key twice.

    Example:
        >>> read_yaml("a:\n  - b: 1\n", "x.yaml").entries()["a"].items()[0].entries()["b"]
        Place(value=1, file='x.yaml', line=2, path='a[0].b')
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise InvalidRequestError(f"{file} is empty", remedy="List requests in it")
        return _placed(loader, node, file, "")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InvalidRequestError(
            f"{file}{line}: this is no YAML: {problem}", remedy="Correct it there"
        ) from None
    finally:
        loader.dispose()


def _placed(loader: yaml.SafeLoader, node: yaml.Node, file: str, path: str) -> Place:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        made = [
            _placed(loader, each, file, f"{path}[{number}]")
            for number, each in enumerate(node.value)
        ]
        return Place(made, file, line, path)
    if not isinstance(node, yaml.MappingNode):
        return Place(loader.construct_object(node), file, line, path)
    entries: dict[str, Place] = {}
    for key, value in node.value:
        name = str(loader.construct_object(key))
        below = f"{path}.{name}" if path else name
        if name in entries:
            raise Place(None, file, key.start_mark.line + 1, below).wrong(
                "this key is there already", "Keep one of them"
            )
        placed = _placed(loader, value, file, below)
        # The key's line is where a person looks; a value may start on the next.
        entries[name] = Place(placed.value, file, key.start_mark.line + 1, below)
    return Place(entries, file, line, path)
