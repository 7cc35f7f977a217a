"""Makes `inprocess` importable, and keeps Ray out of the tests of parts that know none."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a unit test started Ray")

    monkeypatch.setattr(ray, "init", refuse)
