"""The specification of a pipeline: its input, its stages, and how it runs."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xfd_api.errors import InvalidRequestError
from xfd_pipelines.stage import Stage
from xfd_pipelines.xenna_names import instead_of, refuses_names


class _Modes(enum.EnumMeta):
    def __getattr__(cls, name: str) -> Any:
        if (instead := instead_of("ExecutionMode", name)) is not None:
            raise InvalidRequestError(f"There is no ExecutionMode.{name}", remedy=instead)
        raise AttributeError(name)


class ExecutionMode(enum.Enum, metaclass=_Modes):
    """Whether all stages work at once, or one after the other.

    `STREAMING` is the default. With `BATCH` a stage starts when the one before it is through; Ray
    keeps all of its items, and spills them to disk.
    """

    STREAMING = 0
    BATCH = 1


@refuses_names
@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """How a pipeline runs.

    Attributes:
        verbose: show Ray Data's progress bars and messages.
        cluster_may_grow: nodes may join that have what the present nodes lack, as with an
            autoscaler. A stage that fits on no present node then waits and is not refused.
        execution_mode: see `ExecutionMode`.
        num_setup_attempts_python: how often a worker tries its `setup` before it fails.
        num_run_attempts_python: how often a worker tries `process_data` for the same items.
        slots_per_actor: batches that wait at a worker or are in work; None for Ray Data's choice.

    Raises:
        InvalidRequestError: an argument is one that only cosmos-xenna has; says what to do instead.

    Example:
        >>> PipelineConfig(cluster_may_grow=True).verbose
        False
    """

    verbose: bool = False
    cluster_may_grow: bool = False
    execution_mode: ExecutionMode = ExecutionMode.STREAMING
    num_setup_attempts_python: int = 1
    num_run_attempts_python: int = 1
    slots_per_actor: int | None = None


@refuses_names
@dataclass(frozen=True, slots=True)
class StageSpec:
    """A stage with settings of its own.

    Attributes:
        stage: the stage.
        num_workers: how many workers it has; None for what the stage says.
        num_workers_per_node: the same for each live node, and rounded up; Ray spreads them.
        num_setup_attempts_python: see `PipelineConfig`, which None takes it from.
        num_run_attempts_python: likewise.
        slots_per_actor: likewise.

    Raises:
        InvalidRequestError: an argument is one that only cosmos-xenna has; says what to do instead.

    Example:
        >>> StageSpec(Stage(), num_workers=4).num_workers
        4
    """

    stage: Stage
    num_workers: int | None = None
    num_workers_per_node: float | None = None
    num_setup_attempts_python: int | None = None
    num_run_attempts_python: int | None = None
    slots_per_actor: int | None = None


@refuses_names
@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A pipeline.

    Attributes:
        input_data: items that can be pickled. Results are in its order, unless it is a set.
        stages: the stages, in the order that the items pass them, each bare or as a `StageSpec`.
        config: how it runs.

    Example:
        >>> len(PipelineSpec(input_data=range(100), stages=[Stage(), Stage()]).stages)
        2
    """

    input_data: Iterable[Any] = field(repr=False)
    stages: Sequence[Stage | StageSpec]
    config: PipelineConfig = PipelineConfig()


def stages_of(spec: PipelineSpec) -> list[Stage]:
    """The stages without their settings."""
    return [each.stage if isinstance(each, StageSpec) else each for each in spec.stages]
