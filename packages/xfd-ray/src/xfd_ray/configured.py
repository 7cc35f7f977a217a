"""The options of a call with nothing left open: arguments, and what is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xfd_api.configuration import Configuration
from xfd_api.node_configuration import node_settings
from xfd_api.node_selector import NodeSelector, as_selector
from xfd_api.progress_modes import ProgressMode
from xfd_api.settings import Durability, NodeSettings
from xfd_api.traffic import Prices
from xfd_ray.link_rates import LinkRates
from xfd_ray.messages import OnNodeFailure, OnVersionConflict, OriginReads
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.options import DistributionOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredOptions:
    """See `DistributionOptions`; None means here that there is no such thing."""

    chunk_size_bytes: int | None
    node_parallelism: int
    object_store_parallelism: int
    nodes: NodeSelector
    on_node_failure: OnNodeFailure
    on_version_conflict: OnVersionConflict
    origin_policy: OriginReads
    peer_tls: bool
    peer_ports: tuple[int, int] | None
    durability: Durability
    deadline_s: float | None
    keep_s: float
    progress: ProgressMode
    rates: LinkRates | None
    prices: Prices | None
    node_settings: NodeSettings
    metrics: MetricsChoice


def configured(options: DistributionOptions, configuration: Configuration) -> ConfiguredOptions:
    """The options that hold. Whole `node_settings`, `rates` or `prices` replace those of a file.

    Raises:
        InvalidRequestError: what is configured makes no sense together.
    """

    def of(name: str) -> Any:
        return configuration.resolve(name, getattr(options, name))

    return ConfiguredOptions(
        chunk_size_bytes=of("chunk_size_bytes"),
        node_parallelism=_node_parallelism(options, configuration),
        object_store_parallelism=of("object_store_parallelism"),
        nodes=as_selector(of("nodes")),
        on_node_failure=of("on_node_failure"),
        on_version_conflict=of("on_version_conflict"),
        origin_policy=of("origin_policy"),
        peer_tls=of("peer_tls"),
        peer_ports=None if of("peer_ports") is None else tuple(of("peer_ports")),
        durability=Durability(of("durability")),
        deadline_s=of("deadline_s"),
        keep_s=of("keep_s"),
        progress=of("progress") or ("auto" if options.verbose else "none"),
        rates=options.rates or configured_rates(configuration),
        prices=options.prices or _prices(configuration),
        node_settings=options.node_settings or node_settings(configuration),
        metrics=MetricsChoice.of(of("metrics"), of("metrics_ports")),
    )


def configured_rates(configuration: Configuration) -> LinkRates | None:
    """The rates that are configured; None if there are none."""
    return LinkRates(**configuration.table("rates")) if configuration.has_any("rates") else None


def _prices(configuration: Configuration) -> Prices | None:
    if not configuration.has_any("prices"):
        return None
    given = configuration.table("prices")
    return Prices(**{name: price for name, price in given.items() if price is not None})


def _node_parallelism(options: DistributionOptions, configuration: Configuration) -> int:
    """The option, else that of `node_settings` if it is not the default, else as configured."""
    if options.node_parallelism is None and options.node_settings is not None:
        its_own = options.node_settings.node_parallelism
        if its_own != NodeSettings().node_parallelism:
            return its_own
    parallelism: int = configuration.resolve("node_parallelism", options.node_parallelism)
    return parallelism
