"""How much room there is where a node's files lie."""

from __future__ import annotations

import os
from pathlib import Path

from xfd_api.errors import DestinationError
from xfd_ray.coordinator_status import DiskRoom


def disk_room(root: str) -> DiskRoom:
    """The room of the file system that this folder lies on, or will when it is made; may block.

    Raises:
        DestinationError: the file system cannot be asked.

    Example:
        >>> room = disk_room("/a-folder/that-nobody/has-made")
        >>> 0 <= room.free_bytes <= room.size_bytes
        True
    """
    path = Path(root)
    try:
        while not path.exists():
            path = path.parent
        room = os.statvfs(path)
    except OSError as error:
        raise DestinationError(
            f"The file system does not say how much room it has: {error}",
            path=root,
            remedy="Look at the disk, or set XFD_ROOT to a folder on another one",
        ) from error
    return DiskRoom(room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize)
