"""What Prometheus may scrape of xfd: the processes' own endpoints, as service discovery has them.

The documents are those of `file_sd_configs` and `http_sd_configs`. Prometheus drops labels with
`__meta_` after relabelling, so that nobody has more labels than they ask for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from xfd_api.ids import NodeId


@dataclass(frozen=True, slots=True, order=True)
class MetricsTarget:
    """An endpoint.

    Attributes:
        address: `host:port`.
        role: what answers there.
        node: the Ray node id.
        host: the name of its machine.
    """

    address: str
    role: Literal["worker", "coordinator"]
    node: NodeId
    host: str


def discovery_document(targets: Iterable[MetricsTarget]) -> str:
    """The targets as JSON for Prometheus, always in the same order.

    Example:
        >>> worker = MetricsTarget("10.0.0.7:9400", "worker", NodeId("a1"), "gpu-7")
        >>> print(discovery_document([worker]))
        [
          {"targets": ["10.0.0.7:9400"], "labels": {"__meta_xfd_role": "worker", \
"__meta_xfd_node": "a1", "__meta_xfd_host": "gpu-7"}}
        ]
    """
    groups = [
        {
            "targets": [each.address],
            "labels": {
                "__meta_xfd_role": each.role,
                "__meta_xfd_node": each.node,
                "__meta_xfd_host": each.host,
            },
        }
        for each in sorted(targets)
    ]
    lines = ",\n".join(f"  {json.dumps(group)}" for group in groups)
    return f"[\n{lines}\n]" if lines else "[]"
