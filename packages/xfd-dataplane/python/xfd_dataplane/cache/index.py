"""The index of a node's cache: a small SQLite database below the node's root.

It is opened for one transaction at a time, under the lock of its folder, and closed before the lock
is given back. So SQLite needs no locks of its own, which network disks often lack or get wrong, and
processes of several hosts may share a root. A process that is killed leaves SQLite's journal, and
the next one undoes what was not finished. A damaged database is replaced by an empty one, which
`rebuilding` fills from the records.

Ten million objects are a gigabyte, 100,000 are 8 MB: an object has its name, its size and one or
two numbers (`identity`).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from xfd_dataplane.cache.entries import CacheEntry, EntryKind, IndexedObject
from xfd_dataplane.cache.uses import check_owner

FORMAT = 1
"""An index of another format is replaced."""

_SCHEMA = f"""
BEGIN;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, source TEXT NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0, objects INTEGER NOT NULL DEFAULT 0,
    landed_at REAL NOT NULL, used_at REAL NOT NULL, pinned INTEGER NOT NULL,
    is_ours INTEGER NOT NULL, tree TEXT);
CREATE TABLE objects (
    entry INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
    identity INTEGER, content INTEGER, PRIMARY KEY (entry, name)) WITHOUT ROWID;
CREATE INDEX by_identity ON objects (identity) WHERE identity IS NOT NULL;
CREATE INDEX by_content ON objects (content) WHERE content IS NOT NULL;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
PRAGMA user_version = {FORMAT};
COMMIT;
"""

_ENTRIES = """
SELECT path, kind, source, bytes, objects, landed_at, used_at, pinned, is_ours, tree FROM entries
"""

Column = Literal["identity", "content"]

_TWINS: dict[Column, str] = {
    "identity": "SELECT identity, path, kind, name FROM objects JOIN entries ON entry = id"
    " WHERE identity IN",
    "content": "SELECT content, path, kind, name FROM objects JOIN entries ON entry = id"
    " WHERE content IN",
}

_AT_ONCE = 500
"""Values in one query; SQLite takes 999 everywhere."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[CacheIndex]:
    """The index in one transaction. The lock of its folder is held.

    Raises:
        sqlite3.Error: the disk failed. A damaged index is no error: it is emptied.
        PermissionError: it is another user's.
    """
    connection = _connect(path)
    try:
        yield CacheIndex(connection)
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            _remove(path)
        raise
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _begun(path)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        _remove(path)
        return _begun(path)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is damaged; what the disk or a query did wrong has classes of its own."""
    return type(error) is sqlite3.DatabaseError


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    Path(f"{path}-journal").unlink(missing_ok=True)


def _begun(path: Path) -> sqlite3.Connection:
    with contextlib.suppress(FileNotFoundError):
        check_owner(path)
    uri = f"file:{quote(os.fspath(path))}?nolock=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        # What a power loss damages is made again from the records.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, FORMAT):
            raise sqlite3.DatabaseError(f"The index has format {version}")
        if version == 0:
            connection.executescript(_SCHEMA)
        connection.execute("BEGIN IMMEDIATE")
    except BaseException:
        connection.close()
        raise
    return connection


class CacheIndex:
    """The index while it is open; see `opened`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def entries(self) -> list[CacheEntry]:
        """All entries, by path."""
        rows = self._connection.execute(f"{_ENTRIES} ORDER BY path")
        return [_entry(row) for row in rows]

    def entry(self, path: Path) -> CacheEntry | None:
        """The entry of a destination, or of an unpacked tree's folder."""
        row = None
        for column in ("path", "tree"):
            query = f"{_ENTRIES} WHERE {column} = ?"
            row = row or self._connection.execute(query, (os.fspath(path),)).fetchone()
        return None if row is None else _entry(row)

    def objects(self, path: Path) -> list[IndexedObject]:
        """The objects of an entry."""
        rows = self._connection.execute(
            "SELECT name, size, identity, content FROM objects"
            " WHERE entry = (SELECT id FROM entries WHERE path = ?)",
            (os.fspath(path),),
        )
        return [IndexedObject(*row) for row in rows]

    def use(self, paths: Iterable[Path], now: float) -> None:
        """A run has used these entries."""
        values = [(now, os.fspath(path)) for path in paths]
        self._connection.executemany("UPDATE entries SET used_at = ? WHERE path = ?", values)

    def put(self, entry: CacheEntry, objects: Iterable[IndexedObject], *, tree_bytes: int) -> None:
        """Adds an entry, or objects to it, which take the place of those of the same names.

        What is known of an entry stays: when it landed, whether it is pinned. It is ours as long as
        all of it is. Its number of objects and its bytes are those of all its objects, and of its
        tree.
        """
        path = os.fspath(entry.path)
        tree = None if entry.tree is None else os.fspath(entry.tree)
        self._connection.execute(
            "INSERT INTO entries (path, kind, source, landed_at, used_at, pinned, is_ours, tree)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET kind = excluded.kind, tree = excluded.tree,"
            " source = CASE excluded.source WHEN '' THEN source ELSE excluded.source END,"
            " used_at = max(used_at, excluded.used_at), is_ours = min(is_ours, excluded.is_ours)",
            (
                *(path, entry.kind, entry.source, entry.landed_at, entry.used_at),
                *(entry.pinned, entry.is_ours, tree),
            ),
        )
        (number,) = self._connection.execute(
            "SELECT id FROM entries WHERE path = ?", (path,)
        ).fetchone()
        self._connection.executemany(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)",
            ((number, *each) for each in objects),
        )
        self._connection.execute(
            "UPDATE entries SET (objects, bytes) ="
            " (SELECT count(*), ? + IFNULL(sum(size), 0) FROM objects WHERE entry = id)"
            " WHERE id = ?",
            (tree_bytes, number),
        )

    def set_pinned(self, path: Path, pinned: bool) -> None:
        """Pins or unpins the entry of a path."""
        values = (pinned, os.fspath(path))
        self._connection.execute("UPDATE entries SET pinned = ? WHERE path = ?", values)

    def remove(self, paths: Iterable[Path]) -> None:
        """Forgets entries."""
        for path in map(os.fspath, paths):
            self._connection.execute(
                "DELETE FROM objects WHERE entry = (SELECT id FROM entries WHERE path = ?)", (path,)
            )
            self._connection.execute("DELETE FROM entries WHERE path = ?", (path,))

    def twins(
        self, column: Column, numbers: Sequence[int]
    ) -> list[tuple[int, str, EntryKind, str]]:
        """Where content of these numbers is, as far as it is known.

        Args:
            column: `identity` or `content`.
            numbers: the numbers.

        Returns:
            For each place its number, the entry's path and kind, and the name in the entry.
        """
        found = []
        for first in range(0, len(numbers), _AT_ONCE):
            some = numbers[first : first + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            query = f"{_TWINS[column]} ({marks})"
            rows = self._connection.execute(query, some)
            found += rows.fetchall()
        return found

    def fact(self, name: str) -> str | None:
        """A value that was kept under this name."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def keep_fact(self, name: str, value: str) -> None:
        """Keeps a value under a name."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def _entry(row: Sequence[object]) -> CacheEntry:
    path, kind, source, size, objects, landed_at, used_at, pinned, is_ours, tree = row
    return CacheEntry(
        path=Path(str(path)),
        kind=kind,  # type: ignore[arg-type]
        source=str(source),
        bytes=int(size),  # type: ignore[call-overload]
        objects=int(objects),  # type: ignore[call-overload]
        landed_at=float(landed_at),  # type: ignore[arg-type]
        used_at=float(used_at),  # type: ignore[arg-type]
        pinned=bool(pinned),
        is_ours=bool(is_ours),
        tree=None if tree is None else Path(str(tree)),
    )
