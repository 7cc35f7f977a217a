"""At the end of each test, the indexes of its schedulers are derived again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xfd_scheduler.testing.script import Script

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def checked() -> Iterator[Callable[[Script], Script]]:
    """Remembers a script and checks it when the test is over."""
    scripts: list[Script] = []

    def remember(script: Script) -> Script:
        scripts.append(script)
        return script

    yield remember
    for script in scripts:
        script.scheduler.check_invariants()


@pytest.fixture
def served(checked: Callable[[Script], Script]) -> Script:
    """Node `a` holds chunk 0, `b` and `c` are ordered to fetch it."""
    script = checked(Script())
    script.grow([1])
    script.joins("a", held=(0,))
    script.joins("b")
    script.joins("c")
    script.plan()
    return script
