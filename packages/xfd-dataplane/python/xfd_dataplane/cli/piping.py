"""`xfd-get SOURCE -`: the object's bytes on standard output, in order, each chunk once verified.

The object goes through a file below the root, `tmp/xfd-*/object`, so memory stays bounded and
chunks are fetched at once however slow the reader is; the root's disk needs room for the object.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from xfd_api import paths
from xfd_api.chunks import Catalog
from xfd_api.errors import DestinationNotWritableError, InternalError
from xfd_api.ids import ChunkIndex
from xfd_api.reports import ChunkHeld, NodeEvent, ObjectFailed

PIECE_BYTES = 2**20


@contextlib.contextmanager
def passing_place() -> Iterator[Path]:
    """A file's place in a folder of our own, which is removed with all that is in it.

    Raises:
        DestinationNotWritableError: there can be no folder below the root.
    """
    above = paths.root() / "tmp"
    try:
        above.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="xfd-", dir=above)
    except OSError as error:
        raise DestinationNotWritableError(
            f"The object cannot be kept on its way to standard output: {error.strerror}",
            path=str(above),
            remedy="Name a folder with room for it in XFD_ROOT",
        ) from error
    with folder as name:
        yield Path(name) / "object"


class InOrder:
    """Writes an object to a descriptor as its chunks come; call it with each event of its swarm.

    Raises:
        XfdError: the object failed. What was written cannot be taken back, so nothing is tried
            again, and what follows is not written.
        BrokenPipeError: the reader has gone.
    """

    def __init__(self, catalog: Catalog, place: Path, descriptor: int) -> None:
        (self._object,) = catalog.objects
        self._left = sorted(
            (
                (span.offset, span.length, chunk.index)
                for chunk in catalog.chunks
                for span in chunk.spans
                if span.length
            ),
            reverse=True,
        )
        self._held: set[ChunkIndex] = set()
        self._place = place
        self._to = descriptor
        self._file: int | None = None

    def check_done(self) -> None:
        """Raises where not all has been written though the object has landed.

        Raises:
            InternalError: a bug.
        """
        if self._left:
            raise InternalError("An object landed, and not all of its chunks were told of")

    def __call__(self, event: NodeEvent) -> None:
        """Takes in what happened."""
        if isinstance(event, ObjectFailed):
            raise event.error
        if not isinstance(event, ChunkHeld):
            return
        self._held.add(event.chunk)
        while self._left and self._left[-1][2] in self._held:
            offset, length, _ = self._left.pop()
            self._copy(offset, length)

    def close(self) -> None:
        """Closes the file that it reads."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _copy(self, offset: int, length: int) -> None:
        if self._file is None:
            self._file = self._opened()
        while length:
            piece = memoryview(os.pread(self._file, min(length, PIECE_BYTES), offset))
            if not piece:
                raise InternalError("A verified chunk is not on disk", path=str(self._place))
            offset, length = offset + len(piece), length - len(piece)
            while piece:
                piece = piece[os.write(self._to, piece) :]

    def _opened(self) -> int:
        """The file while it has no name yet, or once it has landed; it is the same one."""
        try:
            return os.open(self._place.with_name(f".{self._place.name}.xfd-part"), os.O_RDONLY)
        except FileNotFoundError:
            return os.open(self._place, os.O_RDONLY)
