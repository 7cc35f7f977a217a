"""The examples in the docstrings do what they show."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest

import xfd_api
from xfd_testing.docstrings import has_example, public_calls, run_examples

WITHOUT_EXAMPLE = {
    *("NodeResult", "ObjectResult", "Traffic", "ZoneBytes"),
    *("NodeStanding", "ObjectStanding", "Progress"),
    *("Durability", "Links", "UnpackCaps", "UnpackMethod", "ObjectStoreConfig"),
}
"""What a call returns, and choices; a store's examples are those of its `make_for_*`."""

MODULES = [
    importlib.import_module(f"xfd_api.{module.name}")
    for module in pkgutil.iter_modules(xfd_api.__path__)
    if module.name != "testing"
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_do_what_they_show(module: ModuleType) -> None:
    run_examples(module, vars(module))


def test_every_public_call_shows_an_example() -> None:
    without = {name for name, value in public_calls(xfd_api) if not has_example(value)}
    assert without == WITHOUT_EXAMPLE
