"""Frameworks that need much room: their tests, and whether there is room for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

from tasks.places import ROOT

LARGE_BYTES = 12 * 2**30
"""What torch, and what needs it, take while they are installed."""


def installed(session: nox.Session) -> Path:
    """The file that says that large packages are there, and need no more room."""
    return Path(session.virtualenv.location) / "installed"


def skip_without_room(session: nox.Session, what: str) -> None:
    """Skips the task by name if what it installs has no room."""
    free = shutil.disk_usage(ROOT).free
    if free < LARGE_BYTES and not installed(session).exists():
        wanted, there = LARGE_BYTES >> 30, free >> 30
        session.skip(f"{what} is not tested: it needs {wanted} GiB of disk, and {there} are free")


def of_framework(name: str) -> tuple[str, ...]:
    """The tests of a way in, and of its page."""
    page = f"tests/integration/test_pages.py::test_a_page_does_what_it_shows[docs/start/{name}.md]"
    return f"tests/integration/test_ways_in_{name}.py", page
