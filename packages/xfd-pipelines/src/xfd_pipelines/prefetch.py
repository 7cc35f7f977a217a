"""Brings a pipeline's files to the nodes before it starts, and to nodes that join it later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import ray

import xfd_ray
from xfd_api import (
    DistributionReport,
    DownloadRequest,
    ObjectStoreConfig,
    ObjectStoreConfigByProfile,
)
from xfd_api.configuration import load
from xfd_api.node_selector import as_selector
from xfd_pipelines.collect import CollectedRequests
from xfd_pipelines.stage_nodes import for_present_nodes
from xfd_ray import DistributionOptions
from xfd_ray.placement import nodes_of_ray


@dataclass(frozen=True, slots=True)
class DistributedDownloadConfig(DistributionOptions):
    """Where a pipeline's files come from, and how they are distributed.

    The options, from `chunk_size_bytes` to `node_settings`, are those of
    `xfd_ray.download_distributed`, and explained there. `keep_s` counts from the pipeline's end:
    the next pipeline finds the workers warm.

    Attributes:
        object_store_config: one store, or several by profile; None if all uris are full.
        on_report: called with the distribution's report when all files are on all nodes, before
            the first stage starts.

    Raises:
        InvalidRequestError: an option cannot have the value that it is given.

    Example:
        >>> from xfd_pipelines import file_distribution
        >>> DistributedDownloadConfig(
        ...     object_store_config=file_distribution.ObjectStoreConfig.make_for_s3("my-models"),
        ...     chunk_size_bytes=50 * 2**20,
        ... ).chunk_size_bytes
        52428800
    """

    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None
    on_report: Callable[[DistributionReport], None] | None = field(
        default=None, repr=False, kw_only=True
    )


@contextmanager
def prefetched(
    collected: CollectedRequests,
    config: DistributedDownloadConfig | None,
    *,
    may_grow: bool = False,
) -> Iterator[None]:
    """Brings the files to their nodes, and keeps the swarm for the length of the block.

    A node that joins during the block gets the files that are for it from its peers.

    Args:
        collected: the requests of all stages.
        config: the options of the distribution.
        may_grow: see `for_present_nodes`.

    Raises:
        XfdError: as `xfd_ray.download_distributed` does.
    """
    config = config or DistributedDownloadConfig()
    if collected.requests:
        nodes = as_selector(load().resolve("nodes", config.nodes))
        live = nodes_of_ray(ray.nodes())
        collected = for_present_nodes(collected, live, nodes, may_grow=may_grow)
    if not collected.requests:
        yield
        return
    with xfd_ray.distribution(
        list(collected.requests),
        config.object_store_config,
        priorities=list(collected.priorities),
        **config.as_arguments(),
    ) as lease:
        if config.on_report is not None:
            config.on_report(lease.report)
        yield


def make_local(
    requests: Sequence[DownloadRequest],
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None,
) -> None:
    """Returns when this node has the files."""
    xfd_ray.ensure_local(list(requests), object_store_config)
