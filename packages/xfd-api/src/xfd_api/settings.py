"""Settings of a node's data plane, with defaults that are safe everywhere."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields, replace
from typing import Final

from xfd_api.chunks import MIB
from xfd_api.configuration.configuration import check_value
from xfd_api.configuration.table import BY_KEY
from xfd_api.ids import SwarmId
from xfd_api.paths import checked_root, hub_cache, root


def _check_fields(table: str, settings: UnpackCaps | NodeSettings) -> None:
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value is not None and (key := f"{table}.{each.name}") in BY_KEY:
            check_value(key, value)


class Durability(str, enum.Enum):
    """`OBJECT` syncs an object to disk before it gets its name; `NONE` syncs nothing."""

    OBJECT = "object"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class UnpackCaps:
    """Upper limits for one archive.

    Attributes:
        max_entries: entries of all kinds.
        max_bytes: bytes of all unpacked files together, including the holes of sparse files. None
            leaves only the disk as a limit.
        max_ratio: unpacked bytes, including headers and names, for each archived byte. It applies
            above 100 MiB, so that a small log that repeats one line passes. gzip reaches 230 to
            1000 on zeros, and 3 to 20 on usual data. The names of all entries may take 32 MiB of
            memory plus a thirtieth of this ratio times the archive's bytes.
    """

    max_entries: int = 10_000_000
    max_bytes: int | None = None
    max_ratio: float = 250.0

    def __post_init__(self) -> None:
        _check_fields("unpack", self)


RECONFIGURABLE: Final = frozenset(
    {
        "node_parallelism",
        "max_uploads",
        "memory_budget_bytes",
        "origin_bytes_per_s",
        "download_bytes_per_s",
        "upload_bytes_per_s",
        "cache_quota_bytes",
        "cache_max_age_s",
    }
)
"""The fields of `NodeSettings` that `DataPlane.reconfigure` changes in a running node."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How a node's data plane works.

    Attributes:
        root: absolute folder that relative destinations lie under. Empty for the node's own root,
            see `xfd_api.paths.root`.
        hub_cache: absolute folder of the node's hub cache. Empty for the node's own, see
            `xfd_api.paths.hub_cache`.
        node_parallelism: chunks fetched at once, from the origin and from peers together.
        max_uploads: chunks served to peers at once.
        memory_budget_bytes: limit on the bytes in flight between sockets and files.
        origin_bytes_per_s: limit on reading from the origin; None for no limit.
        download_bytes_per_s: limit on all receiving; None for no limit.
        upload_bytes_per_s: limit on serving; None for no limit.
        connect_timeout_s: time-out of a connection to the origin or a peer.
        read_timeout_s: longest silence in a body before its request is retried.
        attempts: tries for one origin request before its order is reported failed.
        relay_wait_s: how long a peer's GET waits for a chunk that this node still fetches.
        unpack_caps: limits for archives.
        verify_whole: read the finished file again and compare its SHA-256 or MD5, if the store has
            no other checksum.
        cache_quota_bytes: limit on what xfd keeps under the root and in the hub cache; the least
            recently used goes. None for no limit.
        cache_max_age_s: what no run has used for so long is removed there. None for no limit.

    Raises:
        InvalidRequestError: a setting has a value that docs/configuration.md does not allow.

    Example:
        >>> NodeSettings(download_bytes_per_s=10 * 2**20).node_parallelism
        16
    """

    root: str = ""
    hub_cache: str = ""
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
    cache_quota_bytes: int | None = None
    cache_max_age_s: float | None = None

    def fixed_that_differ(self, other: NodeSettings) -> tuple[str, ...]:
        """The names of settings that differ in `other` and cannot change in a running node."""
        return tuple(
            item.name
            for item in fields(self)
            if item.name not in RECONFIGURABLE
            and getattr(self, item.name) != getattr(other, item.name)
        )

    def rooted(self) -> NodeSettings:
        """The same settings, with this node's own root and hub cache unless they are given.

        Raises:
            InvalidRequestError: one of them is relative.
        """
        own = checked_root(self.root, what="NodeSettings.root") if self.root else str(root())
        cache = str(hub_cache())
        if self.hub_cache:
            cache = checked_root(self.hub_cache, what="NodeSettings.hub_cache")
        return replace(self, root=own, hub_cache=cache)

    def __post_init__(self) -> None:
        check_value("node_parallelism", self.node_parallelism)
        _check_fields("node", self)


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """What a node shows to the peers of one swarm; sent by method call, never logged.

    Attributes:
        authority: the certificate of the swarm's authority (DER). Nobody else is believed.
        certificate: the node's (DER), for its name in this swarm.
        key: the node's private key (PKCS #8, DER).
    """

    authority: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SwarmTicket:
    """Admits a node to a swarm; sent by method call, never logged.

    Attributes:
        swarm: the swarm's id.
        token: the bearer token of the peer servers: 32 random bytes in hexadecimal.
        durability: whether objects are synced to disk.
        identity: the node's, in a swarm whose peers speak TLS; None for plain text.
    """

    swarm: SwarmId
    token: str = field(repr=False)
    durability: Durability = Durability.OBJECT
    identity: PeerIdentity | None = None
