"""Every story ends with its indexes derived anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from xfd_scheduler.story import Story


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
