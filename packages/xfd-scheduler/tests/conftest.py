"""Every story ends with its indexes derived anew."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xfd_scheduler.testing.script import Story

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


@pytest.fixture
def served(told: Callable[[Story], Story]) -> Story:
    """Node `a` holds chunk 0, `b` and `c` are ordered to fetch it."""
    story = told(Story())
    story.grow([1])
    story.joins("a", held=(0,))
    story.joins("b")
    story.joins("c")
    story.plan()
    return story
