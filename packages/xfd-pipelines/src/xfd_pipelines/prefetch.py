"""Brings a pipeline's files to the nodes before it starts, and to nodes that join it later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

import xfd_ray
from xfd_api import (
    DistributionReport,
    DownloadRequest,
    Durability,
    NodeSettings,
    ObjectStoreConfig,
    ObjectStoreConfigByProfile,
    Prices,
    Progress,
)
from xfd_pipelines.collect import CollectedRequests
from xfd_ray import LinkRates
from xfd_ray.messages import OnNodeFailure, OnVersionConflict, OriginPolicy
from xfd_ray.placement import Nodes


@dataclass(frozen=True, slots=True)
class DistributedDownloadConfig:
    """Where a pipeline's files come from, and how they are distributed.

    Attributes:
        object_store_config: one store, or several by profile.
        chunk_size_bytes: at most 100 MiB; None chooses from each object's size.
        node_parallelism: the most chunks that a node fetches at once; None for the default.
        object_store_parallelism: the most chunks that the cluster reads from the store at once.
        verbose: show the distribution's progress and report.
        nodes: None for all live nodes, or a selector as in `xfd_ray.download_distributed`.
        on_node_failure: go on without a node that dies, or fail.
        on_version_conflict: see `xfd_ray.download_distributed`.
        origin_policy: see `xfd_ray.download_distributed`.
        peer_tls: encrypt between nodes.
        peer_ports: first and last port that nodes may listen on; None for any.
        durability: whether files are synced to disk before they get their names.
        deadline_s: give up after so long; None never.
        keep_s: how long the workers stay after the pipeline, for the next one to find them warm.
        rates: what links and disks can do, for the bound in the report.
        prices: what moving bytes costs, for the estimate in the report.
        node_settings: see `xfd_ray.download_distributed`.
        on_progress: called as the distribution goes on.
        on_report: called with the report once every file is in its place.
    """

    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile
    chunk_size_bytes: int | None = None
    node_parallelism: int | None = None
    object_store_parallelism: int = 1000
    verbose: bool = False
    nodes: Nodes = None
    on_node_failure: OnNodeFailure = "continue"
    on_version_conflict: OnVersionConflict = "fail"
    origin_policy: OriginPolicy = "once-per-cluster"
    peer_tls: bool = False
    peer_ports: tuple[int, int] | None = None
    durability: Durability | str = Durability.OBJECT
    deadline_s: float | None = None
    keep_s: float = 60.0
    rates: LinkRates | None = None
    prices: Prices | None = None
    node_settings: NodeSettings | None = None
    on_progress: Callable[[Progress], None] | None = field(default=None, repr=False)
    on_report: Callable[[DistributionReport], None] | None = field(default=None, repr=False)

    def options(self) -> dict[str, Any]:
        """The keyword arguments of `xfd_ray.distribution` that this stands for."""
        named = {each.name for each in fields(self)} - {"object_store_config", "on_report"}
        return {name: getattr(self, name) for name in sorted(named)}


@contextmanager
def prefetched(
    collected: CollectedRequests, config: DistributedDownloadConfig | None
) -> Iterator[None]:
    """Every node has the files when the block starts; the swarm lives as long as the block.

    Meanwhile a node that joins is filled too, and its peers are there to fill it.

    Raises:
        XfdError: as `xfd_ray.download_distributed` does.
    """
    if not collected.requests or config is None:
        yield
        return
    with xfd_ray.distribution(
        list(collected.requests),
        config.object_store_config,
        priorities=list(collected.priorities),
        **config.options(),
    ) as lease:
        if config.on_report is not None:
            config.on_report(lease.report)
        yield


def make_local(
    requests: Sequence[DownloadRequest],
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile,
) -> None:
    """Returns when this node has the files; where it has them already, soon."""
    xfd_ray.ensure_local(list(requests), object_store_config)
