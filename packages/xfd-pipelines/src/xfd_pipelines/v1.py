"""What the modules of stages and pipelines import.

    from xfd_pipelines import v1 as pipelines_v1

    class Embed(pipelines_v1.Stage):
        batch_size = 16
        ...

It has the names of cosmos-xenna's `pipelines.v1`. Names that have no meaning here are refused, with
what to do instead; `xfd_pipelines.xenna_names` is the table.
"""

from typing import Any

from xfd_pipelines.pipelines import DistributedDownloadConfig, run_pipeline
from xfd_pipelines.specs import ExecutionMode, PipelineConfig, PipelineSpec, StageSpec
from xfd_pipelines.stage import (
    CondaEnv,
    NodeInfo,
    Resources,
    RuntimeEnv,
    Stage,
    WorkerMetadata,
)
from xfd_pipelines.xenna_names import refusal

__all__ = [
    "CondaEnv",
    "DistributedDownloadConfig",
    "ExecutionMode",
    "NodeInfo",
    "PipelineConfig",
    "PipelineSpec",
    "Resources",
    "RuntimeEnv",
    "Stage",
    "StageSpec",
    "WorkerMetadata",
    "run_pipeline",
]


def __getattr__(name: str) -> Any:
    # Not an AttributeError, whose text `from v1 import ...` would replace.
    if (error := refusal("v1", [name])) is not None:
        raise error
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
