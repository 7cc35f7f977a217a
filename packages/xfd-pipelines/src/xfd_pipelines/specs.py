"""What a pipeline is: its input, and the stages that it goes through."""

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
        cluster_may_grow: nodes may join that have what the present ones lack, as with an
            autoscaler; a stage that fits on no present node then waits and is not refused.
    """

    verbose: bool = False
    cluster_may_grow: bool = False


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A pipeline.

    Attributes:
        input_data: items of any kind that can be pickled. Results come back in its order, unless
            it is a set, which has none.
        stages: in the order that the items go through.
        config: how it runs.
    """

    input_data: Iterable[Any] = field(repr=False)
    stages: Sequence[Stage]
    config: PipelineConfig = PipelineConfig()
