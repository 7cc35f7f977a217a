"""How each stage runs: by what it says itself, its `StageSpec`, and the pipeline. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xfd_api.errors import InvalidRequestError
from xfd_pipelines.specs import PipelineSpec, StageSpec
from xfd_pipelines.stage import RuntimeEnv, Stage

_ATTEMPTS = ("num_setup_attempts_python", "num_run_attempts_python")


@dataclass(frozen=True, slots=True)
class StageRun:
    """A stage, and how it runs.

    Attributes:
        stage: the stage.
        workers: the least and the most workers; None for as many as fit.
        batch_size: the most items at once.
        setup_attempts: how often a worker tries `setup`.
        run_attempts: how often a worker tries `process_data` for the same items.
        slots: batches at a worker; None for Ray Data's choice.
        runtime_env: of the workers, as Ray has it; None for that of the driver.
    """

    stage: Stage
    workers: tuple[int, int | None]
    batch_size: int
    setup_attempts: int = 1
    run_attempts: int = 1
    slots: int | None = None
    runtime_env: Mapping[str, Any] | None = field(default=None, repr=False)


def stage_runs(spec: PipelineSpec, nodes: int) -> list[StageRun]:
    """How the stages run on a cluster of so many nodes.

    Raises:
        InvalidRequestError: a setting makes no sense; names the stage and the setting.
    """
    return [_run(each, spec, nodes) for each in spec.stages]


def _run(given: Stage | StageSpec, spec: PipelineSpec, nodes: int) -> StageRun:
    own = given if isinstance(given, StageSpec) else StageSpec(given)
    stage = own.stage
    setup, run = (
        check_count(stage, name, _first(getattr(own, name), getattr(spec.config, name)))
        for name in _ATTEMPTS
    )
    slots = _first(own.slots_per_actor, spec.config.slots_per_actor)
    return StageRun(
        stage=stage,
        workers=_workers(own, nodes),
        batch_size=batch_size_of(stage),
        setup_attempts=setup,
        run_attempts=run,
        slots=None if slots is None else check_count(stage, "slots_per_actor", slots),
        runtime_env=runtime_env_of(stage),
    )


def _first(own: Any, of_pipeline: Any) -> Any:
    return of_pipeline if own is None else own


def _workers(own: StageSpec, nodes: int) -> tuple[int, int | None]:
    per_node = own.num_workers_per_node
    if own.num_workers is not None and per_node is not None:
        raise InvalidRequestError(
            f"Stage {own.stage.name}: num_workers and num_workers_per_node are both given",
            remedy="Give one of them",
        )
    if own.num_workers is not None:
        number = check_count(own.stage, "num_workers", own.num_workers)
        return number, number
    if per_node is None:
        return workers_of(own.stage)
    is_number = isinstance(per_node, int | float) and not isinstance(per_node, bool)
    if not is_number or not 0 < per_node < math.inf:
        raise InvalidRequestError(
            f"Stage {own.stage.name}: num_workers_per_node is {per_node!r}",
            remedy="Give a number above 0",
        )
    number = math.ceil(per_node * nodes)
    return number, number


def workers_of(stage: Stage) -> tuple[int, int | None]:
    """The least and the most workers of a stage; None for as many as fit.

    Raises:
        InvalidRequestError: the stage's `workers` makes no sense.
    """
    workers = stage.workers
    if not isinstance(workers, tuple | list):
        check_count(stage, "workers", workers)
        return workers, workers
    if len(workers) != 2:
        raise InvalidRequestError(
            f"Stage {stage.name}: workers is {workers!r}",
            remedy="Give a number from 1 up, or (least, most)",
        )
    least, most = workers
    check_count(stage, "the least of workers", least)
    if most is not None:
        check_count(stage, "the most of workers", most)
        if most < least:
            raise InvalidRequestError(
                f"Stage {stage.name}: workers is {workers!r}", remedy="Give (least, most)"
            )
    return least, most


def batch_size_of(stage: Stage) -> int:
    """`batch_size`, or `stage_batch_size` if the stage gives that.

    Raises:
        InvalidRequestError: it is no number from 1 up, or the stage gives both.
    """
    if stage.stage_batch_size is None:
        return check_count(stage, "batch_size", stage.batch_size)
    if stage.batch_size not in (1, stage.stage_batch_size):
        raise InvalidRequestError(
            f"Stage {stage.name}: batch_size is {stage.batch_size!r} and stage_batch_size is "
            f"{stage.stage_batch_size!r}",
            remedy="Give one of them",
        )
    return check_count(stage, "stage_batch_size", stage.stage_batch_size)


def runtime_env_of(stage: Stage) -> Mapping[str, Any] | None:
    """`env_info` of a stage, as Ray's `runtime_env` has it; None without one.

    Raises:
        InvalidRequestError: it has an unknown form.
    """
    given = stage.env_info
    if given is None or isinstance(given, Mapping):
        return given
    if isinstance(given, RuntimeEnv):
        return given.as_runtime_env()
    raise InvalidRequestError(
        f"Stage {stage.name}: env_info is a {type(given).__name__}",
        remedy="Give v1.RuntimeEnv(conda, extra_env_vars), or a dictionary as Ray's runtime_env",
    )


def check_count(stage: Stage, name: str, value: Any) -> int:
    """A whole number from 1 up.

    Raises:
        InvalidRequestError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequestError(
            f"Stage {stage.name}: {name} is {value!r}", remedy="Give a whole number from 1 up"
        )
    return value
