"""How files are distributed: the options that every way to start a distribution shares."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from xfd_api.node_selector import Nodes
from xfd_api.progress import OnProgress
from xfd_api.progress_modes import ProgressMode
from xfd_api.settings import Durability, NodeSettings
from xfd_api.traffic import Prices
from xfd_ray.link_rates import LinkRates
from xfd_ray.messages import OnNodeFailure, OnVersionConflict, OriginReads
from xfd_ray.metrics.choice import MetricsMode
from xfd_ray.validation import check_option


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionOptions:
    """The options of a distribution; `xfd_ray.download_distributed` explains each of them.

    `xfd_ray.distribution` and `xfd_pipelines.pipelines.DistributedDownloadConfig` take them all. An
    option that is None is as configured (docs/configuration.md), else has its default.

    Raises:
        InvalidRequestError: an option cannot have the value that it is given.

    Example:
        >>> from xfd_ray import DistributionOptions
        >>> DistributionOptions(deadline_s=600.0).deadline_s
        600.0
    """

    chunk_size_bytes: int | None = None
    node_parallelism: int | None = None
    object_store_parallelism: int | None = None
    verbose: bool = False
    nodes: Nodes = None
    on_node_failure: OnNodeFailure | None = None
    on_version_conflict: OnVersionConflict | None = None
    origin_policy: OriginReads | None = None
    peer_tls: bool | None = None
    peer_ports: tuple[int, int] | None = None
    durability: Durability | str | None = None
    deadline_s: float | None = None
    keep_s: float | None = None
    progress: ProgressMode | None = None
    on_progress: OnProgress | None = field(default=None, repr=False)
    rates: LinkRates | None = None
    prices: Prices | None = None
    node_settings: NodeSettings | None = None
    metrics: MetricsMode | None = None
    metrics_ports: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name, value in self.as_arguments().items():
            check_option(name, value)

    def as_arguments(self) -> dict[str, Any]:
        """The options as keyword arguments of `xfd_ray.distribution`."""
        return {each.name: getattr(self, each.name) for each in fields(DistributionOptions)}
