"""Where the destinations of a command line lie: on this host, or on each node of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Places(Protocol):
    """How a command reads destinations."""

    def path(self, destination: str) -> Path:
        """The path that a request gets."""
        ...

    def is_folder(self, path: Path) -> bool:
        """Whether there is a folder already, which then gets the object under its own name."""
        ...


class HostPlaces:
    """Paths of this host: relative ones lie below the working directory."""

    def path(self, destination: str) -> Path:
        """The absolute path, without `..`."""
        path = Path(destination)
        if path.name in ("", "..", "."):
            return path.resolve()
        return path.parent.resolve() / path.name

    def is_folder(self, path: Path) -> bool:
        """See `Places`."""
        try:
            return path.is_dir()
        except OSError:  # For example a name that is too long, which the request refuses.
            return False


class NodePlaces:
    """Paths of each node of a cluster: relative ones lie below the node's root.

    A path ends in a slash if it is a folder. What the nodes have there is not looked at, because it
    may differ.
    """

    def path(self, destination: str) -> Path:
        """The path as it is written."""
        return Path(destination)

    def is_folder(self, path: Path) -> bool:  # noqa: ARG002
        """See the class."""
        return False


THIS_HOST = HostPlaces()
EACH_NODE = NodePlaces()
