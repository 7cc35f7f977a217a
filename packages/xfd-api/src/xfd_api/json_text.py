"""Reads JSON that somebody else may have written."""

from __future__ import annotations

import json
from typing import Any


def parsed(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, or nested too deeply to be read.

    Example:
        >>> parsed('{"a": 1}')
        {'a': 1}
        >>> parsed("[" * 100_000)
        Traceback (most recent call last):
        ValueError: the JSON is nested too deeply
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
