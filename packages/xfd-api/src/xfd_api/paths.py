"""Where files land on a node, and which paths are refused."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from xfd_api.errors import InvalidRequestError, UnsafePathError


def root() -> Path:
    """The folder that relative destinations lie under on this node.

    `XFD_ROOT` in the node's environment, else `xfd` in the user's cache directory.
    """
    named = os.environ.get("XFD_ROOT")
    if named:
        return Path(named).absolute()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "xfd"


def local_path(destination: str | Path) -> Path:
    """Where a request's `destination` is on this node; what a stage's `setup` opens.

    Raises:
        UnsafePathError: the destination is relative and climbs out of the root.
    """
    return root() / checked_destination(destination)


def checked_destination(destination: str | Path) -> str:
    """The destination without `.` segments and without a slash at its end.

    Raises:
        UnsafePathError: it has a `..` segment or a NUL byte.
        InvalidRequestError: it names nothing.
    """
    text = os.fspath(destination)
    path = PurePosixPath(text)
    if "\0" in text or ".." in path.parts:
        raise UnsafePathError("The destination climbs out of its folder", path=text)
    if path.name == "":
        raise InvalidRequestError(
            "The destination names no file or folder", path=text, remedy="Give a path with a name"
        )
    return str(path)


def checked_segments(key: str, *, what: str) -> tuple[str, ...]:
    """The segments of a key that is about to become a relative path.

    Raises:
        UnsafePathError: the path would leave its folder, or two keys could become one path.
    """
    segments = tuple(key.split("/")) if key else ()
    if key.startswith("/") or "\0" in key or any(s in ("", ".", "..") for s in segments):
        raise UnsafePathError(f"The {what} cannot be a path below its destination", object=key)
    return segments
