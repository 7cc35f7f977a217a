"""Resolves destinations on a node, and refuses unsafe paths."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from xfd_api.errors import InvalidRequestError, UnsafePathError

HUB_CACHE = "hf-cache:"
"""How a destination in the node's hub cache begins; its path below the cache follows."""

NAME_AT_MOST_BYTES = 255
"""Longest name of a file or folder on the file systems of Linux."""


def root() -> Path:
    """The folder that relative destinations lie under on this node.

    It is `XFD_ROOT` in the node's environment, else `xfd` in the user's cache directory. `~` is
    this node's home directory.

    Raises:
        InvalidRequestError: `XFD_ROOT` is relative.

    Example:
        >>> root().is_absolute()
        True
    """
    named = os.environ.get("XFD_ROOT")
    if named:
        return Path(checked_root(named, what="XFD_ROOT"))
    cache = _expanded(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification says to ignore relative paths.
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "xfd"


def hub_cache() -> Path:
    """The folder in which `huggingface_hub` keeps its cache on this node.

    It is `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else `huggingface/hub` in the user's cache
    directory. `~` and `$NAME` are this node's, and a relative path is this process's.

    Example:
        >>> hub_cache().name
        'hub'
    """
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if named := os.environ.get(name):
            return _absolute(named)
    if home := os.environ.get("HF_HOME"):
        return _absolute(home) / "hub"
    return _absolute(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface" / "hub"


def _absolute(named: str) -> Path:
    return Path(os.path.expandvars(_expanded(named))).absolute()


def is_in_hub_cache(destination: str) -> bool:
    """Whether a destination lies in the node's hub cache."""
    return destination.startswith(HUB_CACHE)


def checked_root(named: str, *, what: str) -> str:
    """An absolute folder, `~` expanded as on this node.

    Raises:
        InvalidRequestError: the path is relative. Each process of a cluster has another working
            directory, so a worker would write to one folder and a task read from another.
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
    """The path of a request's `destination` on this node, for example for a stage's `setup`.

    A destination of the hub cache, as reports have it, lies below `hub_cache()`.

    Raises:
        UnsafePathError: the destination climbs out of its folder.
        InvalidRequestError: the destination is empty or begins with `~`, or the root is relative.

    Example:
        >>> local_path("/models/weights.bin")
        PosixPath('/models/weights.bin')
        >>> local_path("models/weights.bin") == root() / "models/weights.bin"
        True
    """
    checked = checked_destination(destination)
    if is_in_hub_cache(checked):
        return hub_cache() / checked.removeprefix(HUB_CACHE)
    return root() / checked


def checked_destination(destination: str | Path) -> str:
    """The destination without `.` segments and without a slash at its end.

    Raises:
        UnsafePathError: it has a `..` segment or a NUL byte.
        InvalidRequestError: it is empty, begins with `~`, is not UTF-8, or has a name that no file
            system can hold.
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
    """Whether the text can be encoded; arguments of a process may hold bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def has_long_name(names: Iterable[str]) -> bool:
    """Whether one of the names is too long for a file system of Linux."""
    return any(len(name.encode(errors="replace")) > NAME_AT_MOST_BYTES for name in names)


def checked_segments(key: str, *, what: str) -> tuple[str, ...]:
    """The segments of a key that becomes a relative path.

    Raises:
        UnsafePathError: the path would leave its folder, or two keys could become one path.
    """
    segments = tuple(key.split("/")) if key else ()
    if key.startswith("/") or "\0" in key or any(s in ("", ".", "..") for s in segments):
        raise UnsafePathError(f"The {what} cannot be a path below its destination", object=key)
    return segments
