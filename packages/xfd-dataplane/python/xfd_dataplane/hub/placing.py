"""Makes links and small files in a hub cache, each in one step.

What is right already is left, so that a cache that may only be read is enough then. Temporary files
lie in the cache's folder of locks, which no tool of the hub lists.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from xfd_api.errors import (
    DestinationConflictError,
    DestinationError,
    DestinationNotWritableError,
    DiskFullError,
    InvalidRequestError,
    UnsafePathError,
    XfdError,
)
from xfd_api.json_text import parsed
from xfd_dataplane.hub.links import TREE_FORMAT, Link, SmallFile

ATTEMPTS = 5
"""How often a place is looked at that other processes change meanwhile."""

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems without symbolic links say."""

_TAG = """Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by huggingface_hub.
# For information about cache directory tags, see:
#\thttps://bford.info/cachedir/
"""


_MOVE = "Move away what is there, or set HF_HUB_CACHE to another folder"


class HubFolder:
    """The hub cache of this node.

    Args:
        cache: the folder.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._checked: set[Path] = set()
        self._prepared: set[str] = set()
        self._made: set[Path] = set()

    def check(self, links: Iterable[Link]) -> None:
        """Checks that missing links can be made, before anything is fetched for them.

        Raises:
            DestinationNotWritableError: this user may not write there.
            DestinationConflictError: a file lies where a folder is needed.
            InvalidRequestError: the node's settings have no hub cache.
        """
        for link in links:
            if not self._cache.is_absolute():
                raise InvalidRequestError("The node's settings have no hub cache")
            folder = (self._cache / link.path).parent
            if folder in self._checked or os.path.lexists(self._cache / link.path):
                continue
            self._checked.add(folder)
            while not folder.exists() and folder != folder.parent:
                folder = folder.parent
            if not folder.is_dir():
                raise DestinationConflictError(
                    "Something that is no folder lies where the hub cache needs one",
                    path=str(folder),
                    remedy=_MOVE,
                )
            if not os.access(folder, os.W_OK | os.X_OK):
                raise DestinationNotWritableError(
                    "The hub cache lacks the link to a file, and none can be made", path=str(folder)
                )

    def prepare(self, repo_folder: str) -> None:
        """Makes the folder of snapshots of a repository that has blobs.

        `huggingface_hub` takes a repository without one for damaged, also if nothing landed.

        Raises:
            DestinationNotWritableError, DiskFullError, DestinationConflictError, DestinationError:
            the folder cannot be made.
        """
        if repo_folder in self._prepared:
            return
        folder = self._cache / repo_folder / "snapshots"
        with _named(folder, "make a folder of the hub cache"):
            folder.mkdir(parents=True, exist_ok=True)
        self._prepared.add(repo_folder)

    def tag(self) -> None:
        """Marks the cache for programs that make backups, as huggingface_hub does."""
        with contextlib.suppress(OSError), (self._cache / "CACHEDIR.TAG").open("x") as file:
            file.write(_TAG)

    def link(self, link: Link) -> None:
        """Makes a link, or a copy if there can be no links; leaves one that is right.

        Raises:
            DestinationNotWritableError, DiskFullError, DestinationConflictError, UnsafePathError,
            DestinationError: the link cannot be made.
        """
        pointer, blob = self._cache / link.path, self._cache / link.blob
        with _named(pointer, "link a file of the hub cache"):
            for _ in range(ATTEMPTS):
                if _leads_to(pointer, blob):
                    return
                self._make_folder(pointer.parent, below=3)
                if os.path.lexists(pointer):
                    self._replace(pointer, lambda fresh: _link_or_copy(fresh, link.target, blob))
                else:
                    with contextlib.suppress(FileExistsError):
                        _link_or_copy(pointer, link.target, blob)
                if not pointer.exists():  # A folder on the way is a link to somewhere else.
                    self._replace(
                        pointer, lambda fresh: _link_or_copy(fresh, str(blob.resolve()), blob)
                    )
        raise DestinationError("Another process keeps changing this link", path=str(pointer))

    def write(self, file: SmallFile) -> None:
        """Writes a small file, unless it is right.

        Raises:
            DestinationNotWritableError, DiskFullError, DestinationConflictError, UnsafePathError,
            DestinationError: it cannot be written.
        """
        path = self._cache / file.path
        with _named(path, "write to the hub cache"):
            if _is_written(path, file):
                return
            self._make_folder(path.parent, below=2)
            self._replace(path, lambda fresh: fresh.write_text(file.text, encoding="utf-8"))

    def _make_folder(self, folder: Path, *, below: int) -> None:
        """Makes a folder; only the first `below` names of its path in the cache may be links."""
        if folder in self._made and folder.is_dir():
            return
        at = self._cache
        for place, name in enumerate(folder.relative_to(self._cache).parts):
            at /= name
            if place >= below and at.is_symlink():
                raise UnsafePathError("A link lies where a folder is needed", path=str(at))
        folder.mkdir(parents=True, exist_ok=True)
        self._made.add(folder)

    def _replace(self, path: Path, make: Callable[[Path], object]) -> None:
        """Makes a file aside and gives it the name of whatever file or link is there."""
        repo_folder = path.relative_to(self._cache).parts[0]
        aside = self._cache / ".locks" / repo_folder
        for folder in (aside, path.parent):
            folder.mkdir(parents=True, exist_ok=True)
            fresh = folder / f".xfd-{secrets.token_hex(8)}.tmp"
            try:
                make(fresh)
                fresh.replace(path)
            except OSError as error:
                if error.errno == errno.EXDEV and folder is aside:
                    continue  # A folder of the cache is a link to another file system.
                raise
            finally:
                fresh.unlink(missing_ok=True)
            return


def _leads_to(pointer: Path, blob: Path) -> bool:
    """Whether a link leads to the blob, or a file that was copied has its content."""
    try:
        content = blob.stat()
    except FileNotFoundError:
        raise DestinationError("The blob of a link went away", path=str(blob)) from None
    try:
        found = pointer.stat()
    except FileNotFoundError:
        return False
    if os.path.samestat(found, content):
        return True
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    is_copy = not pointer.is_symlink() and found.st_size == content.st_size
    return is_copy and filecmp.cmp(pointer, blob, shallow=False)


def _link_or_copy(path: Path, target: str, blob: Path) -> None:
    if os.environ.get("HF_HUB_DISABLE_SYMLINKS", "").upper() not in ("1", "ON", "YES", "TRUE"):
        try:
            path.symlink_to(target)
            return
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
    try:
        path.hardlink_to(blob.resolve())
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(blob, path)


def _is_written(path: Path, file: SmallFile) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    if file.kind == "ref" or text == file.text:
        return text == file.text
    # The list of a commit's files never changes: another tool's is left if it can be read.
    try:
        tree = parsed(text)
    except ValueError:
        return False
    return isinstance(tree, dict) and tree.get("format_version") == TREE_FORMAT


@contextlib.contextmanager
def _named(path: Path, doing: str) -> Iterator[None]:
    """Gives what the system says the class that a user can act on."""
    try:
        yield
    except OSError as error:
        if isinstance(error, XfdError):
            raise
        kind: type[XfdError] = DestinationError
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            kind = DestinationNotWritableError
        elif error.errno in (errno.ENOSPC, errno.EDQUOT):
            kind = DiskFullError
        elif error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
            kind = DestinationConflictError
        remedy = _MOVE if kind is DestinationConflictError else None
        what = f"Could not {doing}: {error.strerror}"
        raise kind(what, path=str(path), remedy=remedy) from error
