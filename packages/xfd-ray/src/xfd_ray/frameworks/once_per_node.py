"""One process of a node calls; those that wait for it, and those that come later, need not.

A program starts many processes on a node, and each of them wants the same files. A call of each
would be a lease of each, and a question to the store. So they take turns by a lock, which ends with
its process, and leave a note: which files there are, or why there are none. A note of files counts
while they have the sizes that it names. A note of a failure counts for those who waited meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from xfd_api import errors
from xfd_api.errors import XfdError
from xfd_api.json_text import parsed
from xfd_api.whole_file import write_whole

LOOKED_AT = 1000
"""Files that a note names, spread over all if there are more: a prefix may have tens of thousands.
To look at so many takes 3 ms."""

KEPT_S = 7 * 86400.0
"""How long the notes of earlier programs stay, in seconds."""

SizedFile = tuple[str, int]
"""A path, and the size of the file there in bytes. At a folder, the size says nothing."""


def once_per_node(note: Path, call: Callable[[], Sequence[SizedFile]]) -> None:
    """Calls, unless another process of this node has done so.

    Args:
        note: the file for what came of it; one for each program and what it wants.
        call: brings files, and returns them.

    Raises:
        XfdError: from this call, or from the one of the process that was waited for.
    """
    at_first = _read(note)
    with _turn(note) as is_mine:
        if is_mine:
            found = _read(note)
            if _are_there(found.get("files")):
                return
            # Clocks do not say which notes are new: one may be set back meanwhile.
            failure = None if found == at_first else _failure(found)
            if failure is not None:
                raise failure
        try:
            files = call()
        except XfdError as error:
            what = {"kind": type(error).__name__, "error": error.what, "fields": error.fields()}
            _write(note, {"of": uuid.uuid4().hex, **what})
            raise
        step = max(1, -(-len(files) // LOOKED_AT))
        _write(note, {"files": files[::step]})


@contextlib.contextmanager
def _turn(note: Path) -> Iterator[bool]:
    """Waits for this process's turn; false where the file system has no locks."""
    try:
        if not note.parent.is_dir():
            note.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(note.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def _read(note: Path) -> dict[str, Any]:
    try:
        found = parsed(note.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(found: dict[str, Any]) -> XfdError | None:
    """The failure that a note names; None if it names none."""
    try:
        kind = getattr(errors, found["kind"], XfdError)
        made = kind(found["error"], **found["fields"])
    except (LookupError, TypeError, ValueError):
        return None
    return made if isinstance(made, XfdError) else None


def _write(note: Path, what: dict[str, Any]) -> None:
    """Leaves a note and removes old ones; without room for it, the next process calls again."""
    with contextlib.suppress(OSError, XfdError):
        write_whole(note, json.dumps(what))
        for old in note.parent.iterdir():
            if old.stat().st_mtime < time.time() - KEPT_S:
                old.unlink()


def _are_there(files: Any) -> bool:
    try:
        return bool(files) and all(_is_there(path, size) for path, size in files)
    except (OSError, TypeError, ValueError):
        return False


def _is_there(path: str, size: int) -> bool:
    found = Path(path).stat()
    return found.st_size == size or stat.S_ISDIR(found.st_mode)
