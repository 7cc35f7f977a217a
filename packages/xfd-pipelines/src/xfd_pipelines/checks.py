"""Refuses pipelines that make no sense, before a file moves. Errors name stage and attribute.

Nothing here asks the cluster; `cluster_checks.py` does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ray import cloudpickle

from xfd_api.errors import InvalidRequestError
from xfd_pipelines.failures import StageError
from xfd_pipelines.prefetch import DistributedDownloadConfig
from xfd_pipelines.specs import ExecutionMode, PipelineConfig, PipelineSpec, stages_of
from xfd_pipelines.stage import Resources, Stage
from xfd_pipelines.stage_runs import stage_runs
from xfd_pipelines.xenna_names import NAMES

ATTRIBUTES = (
    *("name", "download_requests", "required_resources", "batch_size", "stage_batch_size"),
    *("workers", "env_info"),
)
"""The values of a stage, which it may give as attributes or as properties."""

_RAY_OWN = {"CPU": "cpus", "GPU": "gpus", "memory": "memory_bytes", "object_store_memory": None}
"""Names that Ray refuses among custom resources, and the field of `Resources` for each."""

_PARTS_OF_ONE = 10_000
"""Ray counts resources in parts of this size."""


def check_pipeline(spec: Any, config: Any) -> None:
    """Refuses a specification or a download configuration that makes no sense.

    Raises:
        InvalidRequestError: it names the stage and the attribute.
        Exception: any exception of a stage's property, as itself; its cause is a `StageError`.
    """
    _expect(spec, PipelineSpec, "pipeline_spec", "Give a specs.PipelineSpec")
    _expect(spec.config, PipelineConfig, "PipelineSpec.config", "Give a specs.PipelineConfig")
    if isinstance(spec.input_data, str | bytes) or not isinstance(spec.input_data, Iterable):
        raise InvalidRequestError(
            f"PipelineSpec.input_data is a {type(spec.input_data).__name__}",
            remedy="Give a list, or anything else that can be iterated over",
        )
    if isinstance(spec.stages, str) or not isinstance(spec.stages, Sequence):
        raise InvalidRequestError(
            f"PipelineSpec.stages is a {type(spec.stages).__name__}",
            remedy="Give a list of stages",
        )
    _expect(
        spec.config.execution_mode,
        ExecutionMode,
        "PipelineConfig.execution_mode",
        "Give specs.ExecutionMode.STREAMING or BATCH",
    )
    for stage in stages_of(spec):
        _check_stage(stage)
    stage_runs(spec, nodes=1)  # Each setting makes sense, whatever the number of nodes.
    if config is not None:
        _expect(
            config,
            DistributedDownloadConfig,
            "distributed_download_config",
            "Give a pipelines.DistributedDownloadConfig",
        )


def _check_stage(stage: Any) -> None:
    if isinstance(stage, type) and issubclass(stage, Stage):
        raise InvalidRequestError(
            f"stages holds the class {stage.__name__}", remedy=f"Give {stage.__name__}()"
        )
    if not isinstance(stage, Stage):
        raise InvalidRequestError(
            f"stages holds a {type(stage).__name__}",
            remedy="Give instances of xfd_pipelines.v1.Stage",
        )
    for name in ATTRIBUTES:
        _read(stage, name)
    for each in NAMES:
        if each.owner == "Stage" and each.instead is not None and hasattr(stage, each.name):
            raise InvalidRequestError(
                f"Stage {stage.name} defines {each.name}, which xfd_pipelines does not use",
                remedy=each.instead,
            )
    if not isinstance(stage.name, str) or not stage.name:
        raise InvalidRequestError(
            f"Stage {type(stage).__name__}: name is {stage.name!r}", remedy="Give a string"
        )
    _check_resources(stage)


def _read(stage: Stage, name: str) -> None:
    """Raises a property's exception in the form of a worker's: with a `StageError` as cause."""
    try:
        getattr(stage, name)
    except Exception as error:  # Any exception of the user's code.
        raise error from StageError(
            f"Its {name} raised {type(error).__name__}: {error}", stage=type(stage).__name__
        )


def _check_resources(stage: Stage) -> None:
    needs = stage.required_resources
    _expect(
        needs,
        Resources,
        f"Stage {stage.name}: required_resources",
        "Give v1.Resources(cpus, gpus, memory_bytes, custom)",
    )
    if not isinstance(needs.custom, Mapping):
        raise InvalidRequestError(
            f"Stage {stage.name}: required_resources.custom is a {type(needs.custom).__name__}",
            remedy="Give a dictionary of Ray resources",
        )
    amounts = {"cpus": needs.cpus, "gpus": needs.gpus, **needs.custom}
    if needs.memory_bytes is not None:
        amounts["memory_bytes"] = needs.memory_bytes
    for name, amount in amounts.items():
        if (remedy := _remedy_for(name, amount)) is not None:
            raise InvalidRequestError(
                f"Stage {stage.name}: required_resources.{name} is {amount!r}", remedy=remedy
            )
    for name in needs.custom:
        if name in _RAY_OWN:
            own = _RAY_OWN[name]
            raise InvalidRequestError(
                f"Stage {stage.name}: required_resources.custom names {name}, which Ray keeps "
                "for itself",
                remedy=f"Give Resources({own}=...)" if own else "Leave it out",
            )


def _remedy_for(name: str, amount: Any) -> str | None:
    """What to give in place of an amount that Ray refuses; None if Ray accepts it."""
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return "Give a number from 0 up"
    if not 0 <= amount < math.inf:
        return "Give a number from 0 up"
    if name == "memory_bytes" or float(amount).is_integer():
        return None
    if name == "gpus" and amount > 1:
        return "Give a whole number, or a fraction below 1: Ray shares only single GPUs"
    if not math.isclose(amount * _PARTS_OF_ONE, round(amount * _PARTS_OF_ONE), abs_tol=1e-6):
        return "Give at most four decimals: Ray counts no finer"
    return None


def pickled_stage(stage: Stage) -> bytes:
    """The stage, pickled for its workers.

    Raises:
        InvalidRequestError: it cannot be pickled; names the attribute that cannot.
    """
    try:
        pickled: bytes = cloudpickle.dumps(stage)
        return pickled
    except Exception as error:  # A class may raise anything when it is pickled.
        attribute = _unpicklable_attribute(stage)
        raise InvalidRequestError(
            f"Stage {stage.name} cannot be pickled: {attribute or error}",
            remedy="Make it in setup(), which runs in the worker",
        ) from error


def _unpicklable_attribute(stage: Stage) -> str | None:
    for owner in (stage, *type(stage).__mro__):
        for name, value in vars(owner).items() if hasattr(owner, "__dict__") else ():
            if name.startswith("__") or owner in (Stage, object):
                continue
            try:
                cloudpickle.dumps(value)
            except Exception as error:  # As above.
                return f"its attribute {name} ({type(value).__name__}): {error}"
    return None


def pickled_items(items: Iterable[Any]) -> list[bytes]:
    """The items, each pickled.

    Raises:
        InvalidRequestError: an item cannot be pickled; says which.
    """
    pickled = []
    for index, item in enumerate(items):
        try:
            pickled.append(cloudpickle.dumps(item))
        except Exception as error:  # As above.
            raise InvalidRequestError(
                f"Item {index} of input_data (a {type(item).__name__}) cannot be pickled: {error}",
                remedy="Give items that can be pickled; open files and connections in setup()",
            ) from error
    return pickled


def _expect(value: Any, kind: type, what: str, remedy: str) -> None:
    if not isinstance(value, kind):
        raise InvalidRequestError(f"{what} is a {type(value).__name__}", remedy=remedy)
