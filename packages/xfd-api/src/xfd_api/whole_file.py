"""Writes small files whole: a reader finds the old text or the new one, at any moment."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from xfd_api.errors import DestinationError, DestinationNotWritableError


def write_whole(path: str | os.PathLike[str], text: str, *, mode: int | None = None) -> None:
    """Puts the text at this path in one step, and syncs it to the disk.

    Args:
        path: where; an old file is replaced, and keeps its text if this fails.
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
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.xfd-tmp")
    try:
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
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DestinationNotWritableError(
            f"The file cannot be written: {error.strerror}", path=str(target)
        ) from error
    except OSError as error:
        raise DestinationError(
            f"The file cannot be written: {error.strerror}", path=str(target)
        ) from error
