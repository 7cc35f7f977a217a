"""Writes small files whole: a reader finds the old text or the new one, at any moment."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from xfd_api.errors import DestinationError, DestinationNotWritableError


def write_whole(path: str | os.PathLike[str], text: str, *, mode: int | None = None) -> None:
    """Puts the text at this path in one step, and syncs it to the disk.

    Args:
        path: where; an old file is replaced, and keeps its text if this fails. A device or a pipe,
            such as `/dev/stdout`, gets the text written into it.
        text: the new content.
        mode: the file's permissions, whatever the process masks; None lets it mask.

    Raises:
        DestinationNotWritableError: the folder is not there, or cannot be written to.
        DestinationError: the disk failed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "targets.json")
        >>> write_whole(path, "[]")
        >>> path.read_text()
        '[]'
    """
    target = Path(path)
    try:
        if _takes_text(target):
            with target.open("w", encoding="utf-8") as stream:
                stream.write(text)
        else:
            _replace(target, text, mode)
    except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise DestinationNotWritableError(
            f"The file cannot be written: {error.strerror}", path=str(target)
        ) from error
    except OSError as error:
        raise DestinationError(
            f"The file cannot be written: {error.strerror}", path=str(target)
        ) from error


def check_place(path: str | os.PathLike[str]) -> None:
    """Checks that `write_whole` may write there, before hours of work have their result.

    Raises:
        DestinationNotWritableError: there is a folder, or the folder around it is not there or
            allows no new file.
    """
    target = Path(path)
    try:
        number = _obstacle(target)
    except OSError as error:  # A folder above may not be looked into.
        number = error.errno
    if number is not None:
        raise DestinationNotWritableError(
            f"The file cannot be written: {os.strerror(number)}", path=str(target)
        )


def _obstacle(target: Path) -> int | None:
    if target.is_dir():
        return errno.EISDIR
    if not target.parent.is_dir():
        return errno.ENOTDIR if target.parent.exists() else errno.ENOENT
    goes_into = target if _takes_text(target) else target.parent
    return None if os.access(goes_into, os.W_OK) else errno.EACCES


def _takes_text(target: Path) -> bool:
    """Whether there is something that is no file: replaced, it would be gone."""
    return target.exists() and not target.is_file() and not target.is_dir()


def _replace(target: Path, text: str, mode: int | None) -> None:
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.xfd-tmp")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
            if mode is not None:
                beside.chmod(mode)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
