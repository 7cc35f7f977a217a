"""The table of all settings: what a user can set, and where. docs/configuration.md is made of it.

A setting has one name everywhere: the argument `keep_s` is `keep_s` in a file, and `XFD_KEEP_S` in
the environment. A dot is a table of the file: `node.attempts` is `attempts` below `[node]`, and
`XFD_NODE_ATTEMPTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from xfd_api.configuration.kinds import (
    Choice,
    Flag,
    Kind,
    NodeChoice,
    Number,
    Ports,
    Seconds,
    Size,
    Text,
    Whole,
)
from xfd_api.progress_modes import PROGRESS_MODES

MIB = 2**20

LONGEST_S = 10**9
"""Seconds in 31 years: the data plane's clock does not go on for ever."""

Reader = Literal["cluster", "here", "host", "commands", "node"]

READERS: Final[Mapping[Reader, str]] = MappingProxyType(
    {
        "cluster": "calls",
        "here": "`ensure_local`",
        "host": "`xfd_dataplane.download`, `xfd-get`",
        "commands": "all commands",
        "node": "each process of a node, from its own environment",
    }
)
"""Who reads a setting. Calls are those that distribute to a cluster, and `xfd get`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        key: its name; a dot is a table of the file.
        kind: what it may be.
        default: the value that is used if nobody sets it; None if there is no such value.
        meaning: what it does.
        readers: who reads it. A variable that a node reads is its own, and not the driver's.
        unset: what None stands for, in words.
        variable: the environment variable.
        in_file: whether files may have it.
    """

    key: str
    kind: Kind
    default: Any
    meaning: str
    readers: tuple[Reader, ...]
    unset: str = ""
    variable: str = ""
    in_file: bool = True

    def __post_init__(self) -> None:
        if not self.variable:
            name = self.key.upper().replace(".", "_")
            object.__setattr__(self, "variable", f"XFD_{name}")

    @property
    def name(self) -> str:
        """The key without its table."""
        return self.key.rpartition(".")[2]


def _node(name: str, kind: Kind, default: Any, meaning: str, unset: str = "") -> Setting:
    return Setting(f"node.{name}", kind, default, meaning, ("cluster", "host"), unset)


def _rate(name: str, meaning: str) -> Setting:
    return Setting(
        f"rates.{name}",
        Size(per_second=True),
        None,
        f"{meaning}, for the bound in the report",
        ("cluster", "here"),
        "the highest that was observed",
        variable=f"XFD_{name.upper()}_BYTES_PER_S",
    )


def _price(name: str, meaning: str) -> Setting:
    return Setting(
        f"prices.{name}_per_gb",
        Number(),
        None,
        f"price of 10**9 bytes {meaning}, for the report's estimate",
        ("cluster",),
        "0, or no estimate without any price",
    )


_EVERYWHERE: Final[tuple[Reader, ...]] = ("cluster", "here", "host")

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "chunk_size_bytes",
        Size(most=100 * MIB),
        None,
        "size of a chunk",
        ("cluster", "host"),
        "chosen from each object's size",
    ),
    Setting(
        "node_parallelism", Whole(), 16, "chunks that a node fetches at once", ("cluster", "host")
    ),
    Setting(
        "object_store_parallelism",
        Whole(),
        1000,
        "chunks that the whole cluster reads from the origin at once",
        ("cluster",),
    ),
    Setting("nodes", NodeChoice(), None, "the nodes to bring files to", ("cluster",), "all"),
    Setting(
        "on_node_failure",
        Choice("continue", "fail"),
        "continue",
        "what a lost node means for the others",
        ("cluster",),
    ),
    Setting(
        "on_version_conflict",
        Choice("fail", "wait", "pinned"),
        "fail",
        "what to do if another open call has an older version of an object",
        ("cluster",),
    ),
    Setting(
        "origin_policy",
        Choice("once-per-cluster", "once-per-zone", or_number=True),
        "once-per-cluster",
        "how often each chunk is read from the origin",
        ("cluster",),
    ),
    Setting("peer_tls", Flag(), False, "peers show certificates and encrypt", ("cluster",)),
    Setting(
        "peer_ports", Ports(), None, "ports that peer servers may use", ("cluster",), "any free one"
    ),
    Setting(
        "durability",
        Choice("object", "none"),
        "object",
        "whether a file is synced to disk before it gets its name",
        ("cluster", "host"),
    ),
    Setting(
        "deadline_s",
        Seconds(),
        None,
        "longest time until the files are there",
        _EVERYWHERE,
        "no limit",
    ),
    Setting(
        "keep_s",
        Seconds(),
        60.0,
        "how long coordinator and workers stay after the last lease",
        ("cluster", "here"),
    ),
    Setting(
        "progress",
        Choice(*PROGRESS_MODES),
        None,
        "how progress is shown on standard error",
        _EVERYWHERE,
        '"auto" for `verbose=True` and commands, else "none"',
    ),
    Setting(
        "metrics",
        Choice("ray", "port", "both", "off"),
        "ray",
        "where metrics are exported: by Ray's agents, or at ports of their own",
        ("cluster", "here"),
    ),
    Setting(
        "metrics_ports",
        Ports(),
        None,
        "ports that these may take",
        ("cluster", "here"),
        "any free ones",
    ),
    _node("max_uploads", Whole(), 32, "chunks that a node serves to peers at once"),
    _node(
        "memory_budget_bytes",
        Size(),
        64 * MIB,
        "limit on the bytes in flight between sockets and files",
    ),
    _node(
        "origin_bytes_per_s",
        Size(per_second=True),
        None,
        "limit on reading from the origin",
        "no limit",
    ),
    _node(
        "download_bytes_per_s", Size(per_second=True), None, "limit on all receiving", "no limit"
    ),
    _node("upload_bytes_per_s", Size(per_second=True), None, "limit on serving", "no limit"),
    _node(
        "connect_timeout_s",
        Seconds(above=True, most=LONGEST_S),
        5.0,
        "time-out of a connection to the origin or a peer",
    ),
    _node(
        "read_timeout_s",
        Seconds(above=True, most=LONGEST_S),
        20.0,
        "longest silence in a body before its request is retried",
    ),
    _node("attempts", Whole(), 8, "tries for one origin request"),
    _node(
        "relay_wait_s",
        Seconds(most=LONGEST_S),
        30.0,
        "how long a peer's request waits for a chunk that this node still fetches",
    ),
    _node(
        "verify_whole",
        Flag(),
        False,
        "read the finished file again if the store has only a SHA-256 or an MD5 of it",
    ),
    Setting(
        "node.cache_quota_bytes",
        Size(),
        None,
        "limit on what xfd keeps on a node; the least recently used goes",
        ("cluster", "host", "node"),
        "no limit",
        variable="XFD_CACHE_QUOTA",
    ),
    Setting(
        "node.cache_max_age_s",
        Seconds(above=True, most=LONGEST_S),
        None,
        "what no run has used for so long is removed",
        ("cluster", "host", "node"),
        "no limit",
        variable="XFD_CACHE_MAX_AGE",
    ),
    Setting(
        "unpack.max_entries", Whole(), 10_000_000, "most entries of an archive", ("cluster", "host")
    ),
    Setting(
        "unpack.max_bytes",
        Size(),
        None,
        "most bytes of all its files",
        ("cluster", "host"),
        "no limit but the disk",
    ),
    Setting(
        "unpack.max_ratio",
        Number(1.0),
        250.0,
        "most unpacked bytes per archived byte, above 100 MiB",
        ("cluster", "host"),
    ),
    _rate("origin", "what the object store sends to the whole cluster"),
    _rate("down", "what a node receives"),
    _rate("up", "what a node sends"),
    _rate("write", "what a node's disk writes"),
    _price("origin", "from the origin"),
    _price("across_zones", "from a peer in another zone"),
    _price("within_zone", "from a peer in the same zone"),
    Setting(
        "root",
        Text("an absolute folder; ~ is the node's home"),
        None,
        "the folder that relative destinations lie under",
        ("node", "host"),
        "`xfd` in the user's cache directory",
        in_file=False,
    ),
    Setting(
        "log",
        Choice("debug", "info", "warning", "error"),
        "warning",
        "the lowest level that coordinator and workers print",
        ("node",),
        in_file=False,
    ),
    Setting(
        "trace",
        Text("a folder"),
        None,
        "the folder for traces of what coordinator and workers do",
        ("node",),
        "no traces",
        in_file=False,
    ),
    Setting(
        "config",
        Text("a file"),
        None,
        "the one file to read settings from",
        (*_EVERYWHERE, "commands"),
        "looked for, see above",
        in_file=False,
    ),
)
"""All settings, in the order of the documents."""

BY_KEY: Final[Mapping[str, Setting]] = MappingProxyType({each.key: each for each in SETTINGS})

ENVIRONMENT_ONLY: Final = (
    "each node reads it from its own environment, so that workers and tasks agree"
)
"""Why a setting cannot be in a file."""

SECRETS: Final = frozenset(
    {
        *("access_key_id", "secret_access_key", "session_token", "password", "token", "bearer"),
        *("credentials", "headers", "sse_customer_key", "account_key", "sas_token", "secret"),
    }
)
"""Names that a file may not have, because they are secrets. Stores have chains for them."""
