"""Every story ends with its indexes derived anew."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xfd_scheduler.story import Story

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def told() -> Iterator[Callable[[Story], Story]]:
    """Remembers a story and checks it when the test is over."""
    stories: list[Story] = []

    def remember(story: Story) -> Story:
        stories.append(story)
        return story

    yield remember
    for story in stories:
        story.scheduler.check_invariants()
