"""Serve LLM of a Ray without callbacks."""

from __future__ import annotations

import importlib
import sys

import pytest

from xfd_api.errors import MissingPackageError


def test_a_ray_without_callbacks_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray.llm._internal.common.callbacks.base", None)
    monkeypatch.delitem(sys.modules, "xfd_ray.frameworks.serve_llm", raising=False)
    with pytest.raises(MissingPackageError, match=r'no callbacks: .*"ray\[llm\]>=2\.55" on every'):
        importlib.import_module("xfd_ray.frameworks.serve_llm")
