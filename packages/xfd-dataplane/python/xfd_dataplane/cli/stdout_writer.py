"""`xfd-get SOURCE -`: writes an object's bytes to standard output, in order, once verified.

The object passes through a file below the root, `tmp/xfd-*/object`. So memory stays bounded, and
chunks are fetched in parallel even if the reader is slow. The root's disk needs room for the
object.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from xfd_api import paths
from xfd_api.chunks import Catalog
from xfd_api.errors import DestinationNotWritableError, InternalError
from xfd_api.ids import ChunkIndex
from xfd_api.reports import ChunkHeld, NodeEvent, ObjectFailed

PIECE_BYTES = 2**20


@contextlib.contextmanager
def temporary_place() -> Iterator[Path]:
    """The path for a file in a temporary folder below the root, which the block's end removes.

    Raises:
        DestinationNotWritableError: the folder cannot be made.
    """
    import tempfile  # Of all commands, this one alone needs it.

    above = paths.root() / "tmp"
    try:
        above.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="xfd-", dir=above)
    except OSError as error:
        raise DestinationNotWritableError(
            f"The object cannot be kept on its way to standard output: {error.strerror}",
            path=str(above),
            remedy="Set XFD_ROOT to a writable folder with room for the object",
        ) from error
    with folder as name:
        yield Path(name) / "object"


class OrderedWriter:
    """Writes an object to a descriptor as its chunks arrive; call it with each event of its swarm.

    Raises:
        XfdError: the object failed. Written bytes cannot be taken back, so the object is not tried
            again, and nothing more is written.
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
        """Checks that the whole object was written.

        Raises:
            InternalError: the object landed without an event for each chunk: a bug.
        """
        if self._left:
            raise InternalError("An object landed, and not all of its chunks were reported")

    def __call__(self, event: NodeEvent) -> None:
        """Writes the chunks that are next, if this event makes them available."""
        if isinstance(event, ObjectFailed):
            raise event.error
        if not isinstance(event, ChunkHeld):
            return
        self._held.add(event.chunk)
        while self._left and self._left[-1][2] in self._held:
            offset, length, _ = self._left.pop()
            self._copy(offset, length)

    def close(self) -> None:
        """Closes the file that the bytes pass through."""
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
        """Opens the part file, or the object if it has landed; both are the same file."""
        try:
            return os.open(self._place.with_name(f".{self._place.name}.xfd-part"), os.O_RDONLY)
        except FileNotFoundError:
            return os.open(self._place, os.O_RDONLY)
