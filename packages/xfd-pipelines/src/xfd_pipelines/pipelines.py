"""Runs pipelines.

from xfd_pipelines import pipelines, specs
"""

from __future__ import annotations

from typing import Any

import ray

from xfd_api.errors import InvalidRequestError
from xfd_pipelines.adapters import ray_data
from xfd_pipelines.collect import collect_requests
from xfd_pipelines.failures import StageError
from xfd_pipelines.prefetch import DistributedDownloadConfig, prefetched
from xfd_pipelines.specs import PipelineSpec
from xfd_pipelines.v1 import Stage, checked_workers

__all__ = ["DistributedDownloadConfig", "StageError", "run_pipeline"]


def run_pipeline(
    pipeline_spec: PipelineSpec,
    distributed_download_config: DistributedDownloadConfig | None = None,
    *,
    distibuted_download_config: DistributedDownloadConfig | None = None,
) -> list[Any]:
    """Fetches what the stages ask for to every node, then runs the input through the stages.

    Connects to Ray as `ray.init()` does, unless that was done already.

    Args:
        pipeline_spec: input and stages.
        distributed_download_config: needed where a stage has download requests.
        distibuted_download_config: the same, in the specification's spelling.

    Returns:
        What the last stage gave, in the order of the input where it has one.

    Raises:
        InvalidRequestError: a stage or a setting makes no sense, or there is no store.
        XfdError: a file cannot be brought to a node.
        Exception: whatever a stage raised, as itself; its `__cause__` is a `StageError`.
    """
    if distributed_download_config is not None and distibuted_download_config is not None:
        raise InvalidRequestError(
            "The download configuration is given twice",
            remedy="Give distributed_download_config alone",
        )
    config = distributed_download_config or distibuted_download_config
    stages = list(pipeline_spec.stages)
    for stage in stages:
        if not isinstance(stage, Stage):
            raise InvalidRequestError(
                f"stages holds a {type(stage).__name__}",
                remedy="Give instances of xfd_pipelines.v1.Stage",
            )
        checked_workers(stage)
    store = config.object_store_config if config is not None else None
    collected = collect_requests(stages, store)
    if not ray.is_initialized():
        ray.init()
    with prefetched(collected, config):
        return ray_data.run(pipeline_spec, store)
