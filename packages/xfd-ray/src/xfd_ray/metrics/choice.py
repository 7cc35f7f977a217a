"""Where metrics are exported, as calls ask for it. Pure.

Calls that share a swarm share its workers, whatever they chose. So what one of them asks for holds
for all, until the coordinator ends: a second call can add an endpoint to running workers, and
"off" means that a call asks for nothing. Ports are those of the first call that gave any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricsMode = Literal["ray", "port", "both", "off"]
"""ray: through `ray.util.metrics`, by the agent that Ray has on each node. port: each process has a
Prometheus endpoint of its own."""


@dataclass(frozen=True, slots=True)
class MetricsChoice:
    """What a call asks for.

    Attributes:
        ray: through Ray's agents.
        port: at endpoints of their own.
        ports: first and last port that these may take; None for any free port.
    """

    ray: bool = False
    port: bool = False
    ports: tuple[int, int] | None = None

    @staticmethod
    def of(mode: MetricsMode, ports: tuple[int, int] | None = None) -> MetricsChoice:
        """The choice of a call, by its options.

        Example:
            >>> MetricsChoice.of("both", (9300, 9310))
            MetricsChoice(ray=True, port=True, ports=(9300, 9310))
        """
        return MetricsChoice(
            ray=mode in ("ray", "both"),
            port=mode in ("port", "both"),
            ports=None if ports is None else (ports[0], ports[1]),
        )

    def plus(self, other: MetricsChoice) -> MetricsChoice:
        """What this and a later choice ask for together."""
        return MetricsChoice(
            self.ray or other.ray, self.port or other.port, self.ports or other.ports
        )


THROUGH_RAY = MetricsChoice(ray=True)
"""What calls choose that say nothing."""
