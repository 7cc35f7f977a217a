"""The examples of the package run, and importing it imports little."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import xfd_scheduler

README = Path(__file__).parent.parent / "README.md"


def test_the_readme_says_what_happens() -> None:
    assert doctest.testfile(str(README), module_relative=False) == (0, 12)


@pytest.mark.parametrize(
    ("module", "examples"),
    [("xfd_scheduler", 12), ("xfd_scheduler.settings", 1), ("xfd_scheduler.links.windows", 1)],
)
def test_the_examples_of_docstrings_are_right(module: str, examples: int) -> None:
    assert doctest.testmod(importlib.import_module(module)) == (0, examples)


def test_each_public_name_is_there() -> None:
    for name in xfd_scheduler.__all__:
        assert getattr(xfd_scheduler, name) is not None
    assert set(xfd_scheduler.__all__) <= set(dir(xfd_scheduler))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        xfd_scheduler.Nothing  # noqa: B018


def test_importing_the_package_imports_none_of_its_modules() -> None:
    program = (
        "import sys, xfd_scheduler;"
        "print([name for name in sys.modules if name.startswith('xfd_scheduler.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError, match="'nonsense' is no event"):
        xfd_scheduler.Scheduler().handle("nonsense", 0.0)  # type: ignore[arg-type]
