"""What the index knows of one thing that can be kept or removed as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

EntryKind = Literal["file", "tree", "prefix", "snapshot"]


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A file, an archive with its unpacked tree, a prefix's folder, or a snapshot of a hub.

    Attributes:
        path: the destination: of a tree its archive's, of a snapshot its folder in the hub cache.
        kind: which of them it is.
        source: where it came from, without secrets; empty if the index was made from records.
        bytes: of all its files. What two entries share counts in both.
        objects: number of files.
        landed_at: when it was first there, in seconds since 1970.
        used_at: when a run last used it.
        pinned: it is removed only after it is unpinned.
        is_ours: xfd has fetched all of it. A snapshot that another tool fetched is not.
        tree: the folder of an unpacked archive.
    """

    path: Path
    kind: EntryKind
    source: str
    bytes: int
    objects: int
    landed_at: float
    used_at: float
    pinned: bool = False
    is_ours: bool = True
    tree: Path | None = None

    @property
    def places(self) -> tuple[Path, ...]:
        """The files and folders that are the entry."""
        return (self.path,) if self.tree is None else (self.path, self.tree)


class IndexedObject(NamedTuple):
    """One object of an entry.

    Attributes:
        name: its path below a prefix's folder, a blob's name, or empty for the entry itself.
        size: in bytes.
        identity: of its version at its store, see `identity`; None if that is not known.
        content: of its content, whatever store it came from; None without a strong checksum.
    """

    name: str
    size: int
    identity: int | None
    content: int | None


def place_of(path: str, kind: EntryKind, name: str) -> tuple[str, str | None]:
    """The file of an indexed object, and the folder of the group that its record is with.

    Args:
        path: of the entry.
        kind: of the entry.
        name: of the object in it.

    Example:
        >>> place_of("/m/p", "prefix", "a/b")
        ('/m/p/a/b', '/m/p')
    """
    match kind:
        case "prefix":
            return f"{path}/{name}", path
        case "snapshot":
            blobs = f"{Path(path).parents[1]}/blobs"
            return f"{blobs}/{name}", blobs
        case _:
            return path, None
