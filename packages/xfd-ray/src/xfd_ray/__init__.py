"""Distributes large files to every node of a Ray cluster; each chunk leaves the store once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xfd_api.node_selector import NodeSelector
    from xfd_ray.cluster.coordinator_queries import metrics_addresses, status
    from xfd_ray.coordinator_status import CoordinatorStatus
    from xfd_ray.distribute import (
        Distribution,
        distribution,
        download_distributed,
    )
    from xfd_ray.frameworks.setup_hook import setup_hook
    from xfd_ray.frameworks.with_files import with_files
    from xfd_ray.link_rates import LinkRates
    from xfd_ray.on_this_node import ensure_local, ensure_local_async
    from xfd_ray.options import DistributionOptions
    from xfd_ray.report_format import report_text

__version__ = "0.1.0"

__all__ = [
    "CoordinatorStatus",
    "Distribution",
    "DistributionOptions",
    "LinkRates",
    "NodeSelector",
    "__version__",
    "distribution",
    "download_distributed",
    "ensure_local",
    "ensure_local_async",
    "metrics_addresses",
    "report_text",
    "setup_hook",
    "status",
    "with_files",
]

_MODULES = {
    "CoordinatorStatus": "xfd_ray.coordinator_status",
    "Distribution": "xfd_ray.distribute",
    "DistributionOptions": "xfd_ray.options",
    "LinkRates": "xfd_ray.link_rates",
    "NodeSelector": "xfd_api.node_selector",
    "distribution": "xfd_ray.distribute",
    "download_distributed": "xfd_ray.distribute",
    "ensure_local": "xfd_ray.on_this_node",
    "ensure_local_async": "xfd_ray.on_this_node",
    "metrics_addresses": "xfd_ray.cluster.coordinator_queries",
    "report_text": "xfd_ray.report_format",
    "setup_hook": "xfd_ray.frameworks.setup_hook",
    "status": "xfd_ray.cluster.coordinator_queries",
    "with_files": "xfd_ray.frameworks.with_files",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used (PEP 562).

    Every worker imports this package when it starts, and needs little of it.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
