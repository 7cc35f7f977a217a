"""YAML documents whose values know their line, so that errors can name it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import yaml

from xfd_api.errors import InvalidRequestError, XfdError

MOST_VALUES = 1_000_000
"""Values of one document at most, its aliases written out."""


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
        return _Reader(loader, file).place(node, "")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InvalidRequestError(
            f"{file}{line}: this is no YAML: {problem}", remedy="Correct it there"
        ) from None
    except RecursionError:
        raise InvalidRequestError(
            f"{file} is nested too deeply", remedy="Write it with fewer levels"
        ) from None
    finally:
        loader.dispose()


class _Reader:
    """Gives each node of one document its place."""

    def __init__(self, loader: yaml.SafeLoader, file: str) -> None:
        self._loader = loader
        self._file = file
        self._values = 0
        self._open: set[int] = set()

    def place(self, node: yaml.Node, path: str) -> Place:
        line = node.start_mark.line + 1
        here = Place(None, self._file, line, path)
        self._values += 1
        if self._values > MOST_VALUES:  # A few lines of aliases stand for any number of values.
            raise here.wrong(f"the document has more than {MOST_VALUES} values", "Split it")
        if isinstance(node, yaml.ScalarNode):
            return replace(here, value=self._scalar(node, here))
        if id(node) in self._open:
            raise here.wrong("this holds itself", "Write it out without the alias")
        self._open.add(id(node))
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, path)
        else:
            value = [self.place(each, f"{path}[{at}]") for at, each in enumerate(node.value)]
        self._open.remove(id(node))
        return replace(here, value=value)

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Place]:
        entries: dict[str, Place] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(self._scalar(key, Place(None, self._file, line, path)))
            below = f"{path}.{name}" if path else name
            if name in entries:
                raise Place(None, self._file, line, below).wrong(
                    "this key is there already", "Keep one of them"
                )
            placed = self.place(value, below)
            # The key's line is where a person looks; a value may start on the next.
            entries[name] = replace(placed, line=line)
        return entries

    def _scalar(self, node: yaml.Node, here: Place) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise here.wrong("a key is a list or a mapping", "Write a word before the colon")
        try:
            return self._loader.construct_object(node)
        except ValueError:  # Such as the day 2024-13-45, or a number of 5,000 digits.
            raise here.wrong(
                "it looks like a number or a day, and is none", "Put it in quotes"
            ) from None
