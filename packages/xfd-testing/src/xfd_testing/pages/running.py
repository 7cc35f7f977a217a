"""Runs the blocks of a page, one after the other, in a folder of the page's own."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from xfd_testing.pages import reading
from xfd_testing.pages.blocks import PageBlock, blocks_of_page
from xfd_testing.pages.world import World

TIMEOUT_S = 240.0
"""No block takes as long; a machine with other work needs some patience."""

COMMANDS = {"python": [sys.executable], "sh": ["bash", "-euo", "pipefail"]}
_SUFFIXES = {"python": "py", "sh": "sh"}


@dataclass(frozen=True)
class Printed:
    """What a block has printed."""

    output: str = ""
    errors: str = ""


def run_page(page: Path, world: World, folder: Path, skip: Callable[[str], None]) -> None:
    """Runs all blocks of a page.

    Args:
        page: the Markdown file.
        world: what the page finds: cluster, stores, and their variables.
        folder: an empty folder, which is the home and the working folder of all blocks.
        skip: called with the reason if a block needs a module that is not installed; ends the
            page, for example `pytest.skip`.

    Raises:
        BlockFailed: a block does not do what the page says.
    """
    last = Printed()
    for block in blocks_of_page(page):
        if block.is_shown_only:
            continue
        if command := block.block.notes.get("before"):
            before = ["bash", "-euo", "pipefail", "-c", world.here(command)]
            _succeed(block, before, world, folder)
        needs = block.block.notes.get("needs", "").split(", ")
        for module in filter(None, needs):
            if not _is_installed(module):
                skip(f"{page.name}:{block.block.line} needs {module}")
        language = block.block.language
        if language in reading.LANGUAGES:
            reading.read(block, folder)
        elif language == "text":
            _compare(block, last)
        elif language in COMMANDS:
            last = _run(block, world, folder)
        elif language != "mermaid":  # The site's own test looks at drawings.
            raise block.failed(f"nobody knows how to test a block of {language or 'no language'}")


def _run(block: PageBlock, world: World, folder: Path) -> Printed:
    language = block.block.language
    text = world.here(block.block.text)
    if name := block.block.notes.get("file"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        return Printed()
    script = folder / f".block_{block.block.line}.{_SUFFIXES[language]}"
    script.write_text(text)
    wanted = int(block.block.notes.get("exit", "0"))
    return _succeed(block, [*COMMANDS[language], str(script)], world, folder, wanted)


def _succeed(
    block: PageBlock, command: list[str], world: World, folder: Path, wanted: int = 0
) -> Printed:
    ran = subprocess.run(
        command,
        cwd=folder,
        env=world.environment(folder),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )
    if ran.returncode != wanted:
        raise block.failed(f"exit code {ran.returncode}, not {wanted}\n{ran.stdout}{ran.stderr}")
    return Printed(ran.stdout, ran.stderr)


def _compare(block: PageBlock, printed: Printed) -> None:
    """Both what went to standard output and what went to standard error may be shown."""
    for got in (printed.output, printed.errors):
        if _is_like(block.block.text, got):
            return
    raise block.failed(f"shown:\n{block.block.text}\nprinted:\n{printed.output}{printed.errors}")


def _is_like(shown: str, got: str) -> bool:
    """As doctest compares: `...` stands for anything, and white space for white space."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", got)
    how = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(shown, plain, how)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # A parent package is missing.
        return False
