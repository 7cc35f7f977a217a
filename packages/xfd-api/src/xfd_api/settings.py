"""Settings of a node's data plane and of a distribution, with defaults that are safe everywhere."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields, replace
from typing import Final

from xfd_api.chunks import MIB
from xfd_api.errors import InvalidRequestError
from xfd_api.ids import SwarmId
from xfd_api.paths import checked_root, root


class Durability(str, enum.Enum):
    """`OBJECT`: an object is synced to disk before it gets its name. `NONE`: nothing is synced."""

    OBJECT = "object"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class UnpackCaps:
    """Upper limits for one archive.

    Attributes:
        max_entries: entries of all kinds.
        max_bytes: of all files together, unpacked, holes of sparse files included; None for no
            limit but the disk.
        max_ratio: bytes that come out of the archive, headers and names included, for each
            archived byte; looked at above 100 MiB, so that a small log of one line a million
            times passes. Of zeros gzip makes 230 at its fastest and 1000 at its best, of data as
            people have it 3 to 20. The names of all entries may take 32 MiB of memory and a
            thirtieth of this ratio times the archive's bytes.
    """

    max_entries: int = 10_000_000
    max_bytes: int | None = None
    max_ratio: float = 250.0


RECONFIGURABLE: Final = frozenset(
    {
        "node_parallelism",
        "max_uploads",
        "memory_budget_bytes",
        "origin_bytes_per_s",
        "download_bytes_per_s",
        "upload_bytes_per_s",
    }
)
"""The fields of `NodeSettings` that `DataPlane.reconfigure` changes in a running node."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How a node's data plane works.

    Attributes:
        root: folder that relative destinations lie under, absolute; empty for the node's own, see
            `xfd_api.paths.root`.
        node_parallelism: chunks fetched at once, from the origin and from peers together.
        max_uploads: chunks served to peers at once.
        memory_budget_bytes: for all bytes in flight between sockets and files.
        origin_bytes_per_s: limit on reading from the origin; None for no limit.
        download_bytes_per_s: limit on all receiving; None for no limit.
        upload_bytes_per_s: limit on serving; None for no limit.
        connect_timeout_s: for a connection to the origin or a peer.
        read_timeout_s: longest silence in a body before its request is retried.
        attempts: tries for one origin request before its order is reported failed.
        relay_wait_s: how long a peer's GET waits for a chunk that is ordered but not here.
        unpack_caps: see `UnpackCaps`.
        verify_whole: compare SHA-256 or MD5 over the finished file, where the store has only that.
    """

    root: str = ""
    node_parallelism: int = 16
    max_uploads: int = 32
    memory_budget_bytes: int = 64 * MIB
    origin_bytes_per_s: int | None = None
    download_bytes_per_s: int | None = None
    upload_bytes_per_s: int | None = None
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 20.0
    attempts: int = 8
    relay_wait_s: float = 30.0
    unpack_caps: UnpackCaps = UnpackCaps()
    verify_whole: bool = False

    def fixed_that_differ(self, other: NodeSettings) -> tuple[str, ...]:
        """The names of what differs in `other` and cannot be changed in a running node."""
        return tuple(
            item.name
            for item in fields(self)
            if item.name not in RECONFIGURABLE
            and getattr(self, item.name) != getattr(other, item.name)
        )

    def rooted(self) -> NodeSettings:
        """The same with this node's own root, where none is given.

        Raises:
            InvalidRequestError: the root is relative.
        """
        own = checked_root(self.root, what="NodeSettings.root") if self.root else str(root())
        return replace(self, root=own)

    def __post_init__(self) -> None:
        for name in ("node_parallelism", "max_uploads", "memory_budget_bytes", "attempts"):
            if getattr(self, name) < 1:
                raise InvalidRequestError(
                    f"{name} is {getattr(self, name)}", remedy="Use 1 or more"
                )


@dataclass(frozen=True, slots=True)
class SwarmTicket:
    """What lets a node into a swarm; sent by method call, never logged.

    Attributes:
        token: 32 random bytes in hexadecimal, the bearer token of the peer servers.
    """

    swarm: SwarmId
    token: str = field(repr=False)
    durability: Durability = Durability.OBJECT
