"""Brings the files of cosmos-xenna's pipelines to all nodes; cosmos-xenna then runs them.

    from xfd_pipelines import xenna

    xenna.prefetch(pipeline_spec, download_config)
    pipelines_v1.run_pipeline(pipeline_spec, download_config)

xfd does not depend on cosmos-xenna, and imports nothing of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import xfd_ray
from xfd_api import DistributionReport
from xfd_api.errors import InvalidRequestError, XfdError
from xfd_pipelines.collect import collect_requests
from xfd_pipelines.xenna.cache_info import Wanted, wanted_by, write_cache_info
from xfd_pipelines.xenna.requests import StageRequests, requests_of
from xfd_pipelines.xenna.stores import read_stores
from xfd_ray import DistributionOptions
from xfd_ray.cluster.connect import connect_to_ray
from xfd_ray.cluster.each_node import on_each_node

__all__ = ["prefetch"]

_OF_CONFIG = ("chunk_size_bytes", "node_parallelism", "object_store_parallelism", "verbose")
_GPUS_BY_XENNA = "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"
"""cosmos-xenna sets it before it starts Ray, since it hands out GPUs by itself."""


def prefetch(
    stages_or_spec: Any, config: Any = None, *, options: DistributionOptions | None = None
) -> DistributionReport | None:
    """Brings the files of all stages to every node, where cosmos-xenna finds them cached.

    It reads the stages' `download_requests`, as `run_pipeline` of cosmos-xenna does. That may be
    called with the same configuration: it compares what is cached with the store, and fetches
    nothing. Without the configuration it does not compare either.

    Connects to Ray as `ray.init()` does, unless this process is connected.

    Args:
        stages_or_spec: a `PipelineSpec` of cosmos-xenna, a list of its stages or `StageSpec`s, or a
            single one. Stages may also have requests of `xfd_api`.
        config: a `DistributedDownloadConfig` of cosmos-xenna, with its store or one of `xfd_api`;
            None if all requests have full uris.
        options: options of `xfd_ray.download_distributed`; what they set counts before `config`.

    Returns:
        What was moved; None if no stage has a request.

    Raises:
        InvalidRequestError: a stage, a request or the store is not of a known form.
        XfdError: see `xfd_ray.download_distributed`.

    Example:
        >>> from types import SimpleNamespace
        >>> from xfd_pipelines import xenna
        >>> xenna.prefetch([SimpleNamespace(download_requests=[])]) is None
        True
    """
    stores = read_stores(_store_of(config))
    stages = requests_of(stages_or_spec, stores.bases)
    collected = collect_requests(stages, stores.stores)
    arguments = _arguments(config, options)
    if not collected.requests:
        return None
    os.environ.setdefault(_GPUS_BY_XENNA, "1")
    connect_to_ray()
    report = xfd_ray.download_distributed(
        list(collected.requests),
        stores.stores,
        priorities=list(collected.priorities),
        **arguments,
    )
    _note_cached(_wanted(stages, report), report)
    return report


def _store_of(config: Any) -> Any:
    if config is not None and not hasattr(config, "object_store_config"):
        raise InvalidRequestError(
            f"The configuration is a {type(config).__name__}, and has no object_store_config",
            remedy="Give a DistributedDownloadConfig of cosmos-xenna",
        )
    return getattr(config, "object_store_config", None)


def _arguments(config: Any, options: DistributionOptions | None) -> dict[str, Any]:
    given = {name: getattr(config, name, None) for name in _OF_CONFIG}
    known = {name: value for name, value in given.items() if value is not None}
    if options is not None:
        known |= {
            each.name: value
            for each in fields(DistributionOptions)
            if (value := getattr(options, each.name)) != each.default
        }
    return DistributionOptions(**known).as_arguments()


def _wanted(stages: Sequence[StageRequests], report: DistributionReport) -> list[Wanted]:
    pairs = [
        pair
        for stage in stages
        for pair in zip(stage.download_requests, stage.own_uris, strict=True)
    ]
    return wanted_by(pairs, report.objects)


def _note_cached(wanted: list[Wanted], report: DistributionReport) -> None:
    nodes = [node.node for node in report.nodes if node.state == "done"]
    answers = on_each_node(write_cache_info, wanted, nodes=nodes, timeout_s=None)
    for answer in answers.values():
        if isinstance(answer, XfdError):
            raise answer
