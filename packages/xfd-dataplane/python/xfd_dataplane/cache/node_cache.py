"""Where a node's index and its locks are, and how both are opened together.

```text
ROOT/.xfd-cache/index.sqlite             the index
ROOT/.xfd-cache/lock, uses/              see `uses`
ROOT/.xfd-cache/aside/                   what is being removed
HUB_CACHE/.locks/.xfd-cache/lock, uses/  while runs use the hub cache, which several roots share
```
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from xfd_api.settings import NodeSettings
from xfd_dataplane.cache import index
from xfd_dataplane.cache.index import CacheIndex
from xfd_dataplane.cache.uses import Uses

OWN = ".xfd-cache"


class NodeCache:
    """A node's cache.

    Args:
        root: the folder of relative destinations.
        hub_cache: the folder of `huggingface_hub`.
    """

    def __init__(self, root: Path, hub_cache: Path) -> None:
        self.root = root
        self.hub_cache = hub_cache
        self.own = root / OWN
        self.uses = Uses(self.own)
        self.hub_uses = Uses(hub_cache / ".locks" / OWN, stays=False)

    @staticmethod
    def of(settings: NodeSettings | None = None) -> NodeCache:
        """The cache of a node with these settings; of this process's environment without any."""
        own = (settings or NodeSettings()).rooted()
        return NodeCache(Path(own.root), Path(own.hub_cache))

    @property
    def index_path(self) -> Path:
        """The index's file."""
        return self.own / "index.sqlite"

    @property
    def aside(self) -> Path:
        """The folder of what is being removed."""
        return self.own / "aside"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where something may be removed without being named."""
        return (self.root, self.hub_cache)

    @contextlib.contextmanager
    def opened(self) -> Iterator[CacheIndex]:
        """The index, in one transaction under the lock of the root.

        Raises:
            OSError: the root cannot be written to, has no locks, or is busy.
            sqlite3.Error: the index cannot be read or written.
        """
        with self.uses.locked(), index.opened(self.index_path) as opened:
            yield opened

    @contextlib.contextmanager
    def opened_for_removal(self) -> Iterator[tuple[CacheIndex, frozenset[Path]]]:
        """The index and the destinations in use, of the hub cache too.

        Raises:
            OSError, sqlite3.Error: see `opened`.
        """
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(self.opened())
            used = self.uses.now()
            # A hub cache that this user may not write to has nothing that could be removed.
            if os.access(self.hub_cache, os.W_OK | os.X_OK):
                stack.enter_context(self.hub_uses.locked())
                used |= self.hub_uses.now()
            # The same file may have an entry under a path with other links.
            yield opened, used | {Path(os.path.realpath(place)) for place in used}
