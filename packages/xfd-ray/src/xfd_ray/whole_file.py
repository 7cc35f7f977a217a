"""Writes files that other programs read at any moment, such as Prometheus and Grafana."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

from xfd_api.errors import DestinationError, DestinationNotWritableError


def write_whole(path: Path, text: str) -> None:
    """Puts the text at this path, so that a reader finds either the old text or the new one.

    Raises:
        DestinationNotWritableError: the folder is not there, or cannot be written to.
        DestinationError: the disk failed.
    """
    try:
        with NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
        ) as file:
            written = Path(file.name)
            try:
                file.write(text)
                file.flush()
                written.chmod(0o644)  # Prometheus is another user.
                written.replace(path)
            except BaseException:
                written.unlink(missing_ok=True)
                raise
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DestinationNotWritableError(
            f"The file cannot be written: {error.strerror}", path=str(path)
        ) from error
    except OSError as error:
        raise DestinationError(
            f"The file cannot be written: {error.strerror}", path=str(path)
        ) from error
