"""Runs the examples of docstrings, for tests that hold public calls to what they show."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any


def public_calls(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a package exports by `__all__`, by name."""
    for name in sorted(module.__all__):
        value = getattr(module, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            yield name, value


def has_example(value: Any) -> bool:
    """Whether the docstring of a function or class shows an example."""
    return bool(doctest.DocTestParser().get_examples(inspect.getdoc(value) or ""))


def run_examples(value: Any, names: Mapping[str, Any]) -> None:
    """Runs the examples in the docstrings of a function, or of a class and its methods.

    Args:
        value: the function or class.
        names: what the examples use without importing it.

    Raises:
        AssertionError: an example gives something else than it shows; says what.
    """
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(value, value.__name__, globs=dict(names)):
        runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)
