"""The specification of a pipeline: its input, its stages, and how it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xfd_pipelines.v1 import Stage


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """How a pipeline runs.

    Attributes:
        verbose: show Ray Data's progress bars and messages.
        cluster_may_grow: nodes may join that have what the present nodes lack, as with an
            autoscaler. A stage that fits on no present node then waits and is not refused.

    Example:
        >>> PipelineConfig(cluster_may_grow=True).verbose
        False
    """

    verbose: bool = False
    cluster_may_grow: bool = False


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A pipeline.

    Attributes:
        input_data: items that can be pickled. Results are in its order, unless it is a set.
        stages: the stages, in the order that the items pass them.
        config: how it runs.

    Example:
        >>> len(PipelineSpec(input_data=range(100), stages=[Stage(), Stage()]).stages)
        2
    """

    input_data: Iterable[Any] = field(repr=False)
    stages: Sequence[Stage]
    config: PipelineConfig = PipelineConfig()
