"""Which destinations runs use now, so that nothing removes them.

A run writes its destinations into a file of its own, which it keeps locked until its end. A file
that nobody holds is of a run that was killed, and counts no more.

```text
FOLDER/lock          held while a use is entered, and while something is removed
FOLDER/uses/RUN      the destinations of a run, each ended by a zero byte
```
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from xfd_dataplane.cache.lock_file import locked, try_lock


class Uses:
    """The uses of one folder: of a node's root, or of a hub cache that several roots share.

    Args:
        folder: where the files are; it is made when the first run is entered.
        stays: False removes the folder when no run is entered.
    """

    def __init__(self, folder: Path, *, stays: bool = True) -> None:
        self.folder = folder
        self._stays = stays
        self._runs = folder / "uses"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nothing is entered or removed by anybody else meanwhile.

        Raises:
            OSError: the folder cannot be written to, has no locks, or is busy.
        """
        with contextlib.suppress(FileNotFoundError):
            check_owner(self.folder)
        with locked(self.folder / "lock"):
            check_owner(self.folder)
            try:
                yield
            finally:
                if not self._stays:
                    self._tidy()

    def end(self, use: Use) -> None:
        """Ends a run, and leaves nothing if it was the last one."""
        use.end()
        if not self._stays:
            with contextlib.suppress(OSError), self.locked():
                pass

    def _tidy(self) -> None:
        self.now()  # Removes what killed runs have left.
        with contextlib.suppress(FileNotFoundError):
            try:
                self._runs.rmdir()
            except FileNotFoundError:
                pass
            except OSError:  # There are runs.
                return
            (self.folder / "lock").unlink()
            self.folder.rmdir()

    def begin(self) -> Use:
        """A new run without destinations; the folder is locked."""
        self._runs.mkdir(exist_ok=True)
        return Use(self._runs / f"{os.getpid()}-{secrets.token_hex(8)}")

    def now(self) -> frozenset[Path]:
        """The destinations of all runs; the folder is locked. Removes files of runs that ended."""
        used: set[Path] = set()
        if not self._runs.is_dir():
            return frozenset()
        for run in self._runs.iterdir():
            with contextlib.suppress(FileNotFoundError):
                used.update(_destinations(run))
        return frozenset(used)


class Use:
    """The file of one run, locked until `end`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file: int | None = os.open(path, flags, 0o666)
        try_lock(self._file)

    def add(self, destinations: Iterable[str]) -> None:
        """Enters destinations; the folder is locked."""
        text = b"".join(os.fsencode(each) + b"\0" for each in destinations)
        if self._file is not None and text:
            _write_all(self._file, text)

    def end(self) -> None:
        """The run needs its destinations no more."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def check_owner(path: Path) -> None:
    """Checks that a file or folder is this user's or root's, and no link.

    In a folder that others may write to, somebody else's index could name files to be removed.

    Raises:
        PermissionError: it is not.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EPERM, f"It belongs to user {found.st_uid}", os.fspath(path))


def _write_all(file: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(file, rest) :]


def _destinations(run: Path) -> Iterator[Path]:
    descriptor = os.open(run, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if try_lock(descriptor):
            run.unlink()
            return
        # The text after the last zero byte is torn, and its run has not begun.
        yield from (Path(os.fsdecode(each)) for each in file.read().split(b"\0")[:-1])
