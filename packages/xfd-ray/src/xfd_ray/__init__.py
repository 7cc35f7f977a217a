"""Distributes large files to every node of a Ray cluster, each chunk leaving the store once."""

from xfd_ray.bound import LinkRates
from xfd_ray.download import (
    Distribution,
    distribution,
    download_distributed,
    ensure_local,
    metrics_addresses,
)
from xfd_ray.placement import NodeSelector
from xfd_ray.report import report_text

__version__ = "0.1.0"

__all__ = [
    "Distribution",
    "LinkRates",
    "NodeSelector",
    "__version__",
    "distribution",
    "download_distributed",
    "ensure_local",
    "metrics_addresses",
    "report_text",
]
