"""A signature that is written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def takes_the_arguments_of(
    other: Callable[P, Any],
) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Gives a function that hands all of its arguments on the signature of the one that takes them,
    for readers, for `help` and for type checkers.
    """

    def decorate(function: Callable[..., R]) -> Callable[P, R]:
        result = inspect.signature(function).return_annotation
        signature = inspect.signature(other).replace(return_annotation=result)
        function.__signature__ = signature  # type: ignore[attr-defined]
        return function

    return decorate
