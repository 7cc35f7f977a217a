"""Runs pipelines.

from xfd_pipelines import pipelines, specs
"""

from __future__ import annotations

from typing import Any

from xfd_api.errors import InvalidRequestError
from xfd_pipelines.adapters import ray_data
from xfd_pipelines.checks import check_pipeline
from xfd_pipelines.cluster_checks import check_cluster, connect
from xfd_pipelines.collect import collect_requests
from xfd_pipelines.failures import StageError
from xfd_pipelines.prefetch import DistributedDownloadConfig, prefetched
from xfd_pipelines.specs import PipelineSpec, stages_of
from xfd_pipelines.stage_nodes import nodes_that_run
from xfd_pipelines.stage_runs import stage_runs
from xfd_ray.cluster.each_node import live_nodes

__all__ = ["DistributedDownloadConfig", "StageError", "run_pipeline"]


def run_pipeline(
    pipeline_spec: PipelineSpec,
    distributed_download_config: DistributedDownloadConfig | None = None,
    *,
    distibuted_download_config: DistributedDownloadConfig | None = None,
) -> list[Any]:
    """Brings the stages' files to their nodes, then runs the input through the stages.

    A stage's files go to the nodes that have its `required_resources`, also to those that join
    later, unless a request names its nodes.

    Connects to Ray as `ray.init()` does, unless this process is connected.

    Args:
        pipeline_spec: the input and the stages.
        distributed_download_config: the store and the options of the distribution; needed if a
            stage has download requests.
        distibuted_download_config: the same argument in the specification's spelling.

    Returns:
        The items of the last stage, in the order of the input unless that is a set.

    Raises:
        InvalidRequestError: before anything moves. A stage or an option makes no sense, a stage
            cannot be pickled or imported or fits on no node.
        UnknownProfileError: a stage requests a key without a store.
        XfdError: a file cannot be brought to a node.
        StageError: a stage called `sys.exit`, its process died three times, or it did not return a
            list of items.
        Exception: any exception of a stage, as itself; its `__cause__` is a `StageError`.

    Example:
        >>> from xfd_pipelines import pipelines, specs
        >>> from xfd_pipelines import v1 as pipelines_v1
        >>> class Double(pipelines_v1.Stage):
        ...     def process_data(self, items):
        ...         return [2 * item for item in items]
        >>> pipelines.run_pipeline(specs.PipelineSpec(input_data=range(4), stages=[Double()]))
        [0, 2, 4, 6]
    """
    if distributed_download_config is not None and distibuted_download_config is not None:
        raise InvalidRequestError(
            "The download configuration is given twice",
            remedy="Give distributed_download_config alone",
        )
    config = distributed_download_config or distibuted_download_config
    check_pipeline(pipeline_spec, config)
    store = config.object_store_config if config is not None else None
    stages = stages_of(pipeline_spec)
    collected = collect_requests(stages, store, nodes=list(map(nodes_that_run, stages)))
    prepared = ray_data.prepare(pipeline_spec)
    connect()
    may_grow = pipeline_spec.config.cluster_may_grow
    runs = stage_runs(pipeline_spec, len(live_nodes()))
    check_cluster(runs, prepared.stages, may_grow=may_grow)
    with prefetched(collected, config, may_grow=may_grow):
        return ray_data.run(prepared, runs, store)
