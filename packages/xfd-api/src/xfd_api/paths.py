"""Where files land on a node, and which paths are refused."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from xfd_api.errors import InvalidRequestError, UnsafePathError

NAME_AT_MOST_BYTES = 255
"""Of a file or folder, on the file systems of Linux."""


def root() -> Path:
    """The folder that relative destinations lie under on this node.

    `XFD_ROOT` in the node's environment, else `xfd` in the user's cache directory. A `~` is this
    node's home directory.

    Raises:
        InvalidRequestError: `XFD_ROOT` is relative.
    """
    named = os.environ.get("XFD_ROOT")
    if named:
        return Path(checked_root(named, what="XFD_ROOT"))
    cache = _expanded(os.environ.get("XDG_CACHE_HOME", ""))
    # What the XDG specification says of relative paths: ignore them.
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "xfd"


def checked_root(named: str, *, what: str) -> str:
    """An absolute folder, `~` expanded as on this node.

    Raises:
        InvalidRequestError: it is relative. Each process of a cluster works in another folder, so a
            relative root would be one place to the worker that writes and another to the task that
            reads.
    """
    path = _expanded(named)
    if not path.is_absolute():
        raise InvalidRequestError(
            f"{what} is {named!r}, which is relative",
            remedy="Give an absolute path; ~ is each node's home directory",
        )
    return str(path)


def _expanded(named: str) -> Path:
    try:
        return Path(named).expanduser()
    except RuntimeError:  # There is no such user here; what is left is relative.
        return Path(named)


def local_path(destination: str | Path) -> Path:
    """Where a request's `destination` is on this node; what a stage's `setup` opens.

    Raises:
        UnsafePathError: the destination climbs out of its folder.
        InvalidRequestError: it names nothing, or begins with `~`; or the root is relative.
    """
    return root() / checked_destination(destination)


def checked_destination(destination: str | Path) -> str:
    """The destination without `.` segments and without a slash at its end.

    Raises:
        UnsafePathError: it has a `..` segment or a NUL byte.
        InvalidRequestError: it names nothing, begins with `~`, is not UTF-8, or has a name that no
            file system can hold.
    """
    text = os.fspath(destination)
    path = PurePosixPath(text)
    if not is_utf8(text):
        raise InvalidRequestError(
            "The destination is not UTF-8", path=ascii(text), remedy="Give a path in UTF-8"
        )
    if has_long_name(path.parts):
        raise InvalidRequestError(
            f"A name in the destination is longer than {NAME_AT_MOST_BYTES} bytes",
            path=text,
            remedy="Give a shorter one",
        )
    if "\0" in text or ".." in path.parts:
        raise UnsafePathError("The destination climbs out of its folder", path=text)
    if path.name == "":
        raise InvalidRequestError(
            "The destination names no file or folder", path=text, remedy="Give a path with a name"
        )
    if path.parts[0] == "~":
        raise InvalidRequestError(
            "The destination begins with ~, which would be a folder of that name",
            path=text,
            remedy="Give a path below the root, or an absolute one (os.path.expanduser makes it)",
        )
    return str(path)


def is_utf8(text: str) -> bool:
    """Whether it can be encoded; arguments of a process may hold bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def has_long_name(names: Iterable[str]) -> bool:
    """Whether a file system of Linux would refuse one of the names for its length."""
    return any(len(name.encode(errors="replace")) > NAME_AT_MOST_BYTES for name in names)


def checked_segments(key: str, *, what: str) -> tuple[str, ...]:
    """The segments of a key that is about to become a relative path.

    Raises:
        UnsafePathError: the path would leave its folder, or two keys could become one path.
    """
    segments = tuple(key.split("/")) if key else ()
    if key.startswith("/") or "\0" in key or any(s in ("", ".", "..") for s in segments):
        raise UnsafePathError(f"The {what} cannot be a path below its destination", object=key)
    return segments
