"""What becomes of each public name of cosmos-xenna, 0.2.0 and 0.5.12, in a pipeline of xfd. Pure.

A name either means here what it means there, or is refused with what to do instead. Nothing is
ignored silently.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from xfd_api.errors import InvalidRequestError

Kind = TypeVar("Kind", bound=type)

_GPUS = "Leave it out: Ray hides the GPUs of a node from workers without gpus"
_LIFETIME = "Leave it out: workers live as long as their stage has work"
_LOGS = "Leave it out, or set verbose=True for Ray Data's progress"
_POOLS = "Leave it out: Ray Data sizes the pools by what waits before them; see Stage.workers"
_QUEUES = "Serve with Ray Serve, whose replicas call xfd_ray.ensure_local"
_SPMD = "Start such workers inside one worker that holds all the gpus, as vLLM does with Ray"
_FAILURES = "Catch the exception in process_data, and return []"


@dataclass(frozen=True, slots=True)
class Name:
    """A public name of cosmos-xenna.

    Attributes:
        owner: the class that has it; "v1" for what the module has.
        name: as it is spelled there.
        instead: what to do; None if the name means here what it means there.
        is_new: whether 0.2.0 lacks it.
    """

    owner: str
    name: str
    instead: str | None = None
    is_new: bool = False


def _same(owner: str, names: str, *, is_new: bool = False) -> Iterable[Name]:
    return [Name(owner, name, is_new=is_new) for name in names.split()]


def _instead(owner: str, names: str, instead: str, *, is_new: bool = False) -> Iterable[Name]:
    return [Name(owner, name, instead, is_new) for name in names.split()]


_METADATA = "Leave it out, or read resources of the metadata"
NAMES: tuple[Name, ...] = (
    *_same("v1", "CondaEnv DistributedDownloadConfig ExecutionMode NodeInfo PipelineConfig"),
    *_same("v1", "PipelineSpec Resources RuntimeEnv Stage StageSpec WorkerMetadata run_pipeline"),
    *_instead("v1", "BackgroundArtifactDownloader", "Use xfd_ray.distribution, a context manager"),
    *_instead("v1", "JobInfo", "Tag your own metrics; XFD_METRICS says where those of xfd go"),
    *_instead("v1", "ServingQueues", _QUEUES),
    *_instead("v1", "StreamingSpecificSpec", _POOLS),
    *_instead("v1", "VerbosityLevel", _LOGS),
    *_instead("v1", "WorkerResources", "Use Resources: WorkerMetadata.resources is one"),
    *_instead("v1", "download_artifacts", "Use xfd_ray.download_distributed"),
    *_instead("v1", "get_local_gpu_info", "Use ray.get_gpu_ids in setup"),
    *_same("Stage", "download_requests env_info process_data required_resources setup"),
    *_same("Stage", "setup_on_node stage_batch_size"),
    *_same("Stage", "destroy", is_new=True),
    *_instead(
        "Stage",
        "run_continuous",
        "Write process_data, and let it start what runs on; Stage.workers says how many do",
        is_new=True,
    ),
    *_same("StageSpec", "stage num_workers num_workers_per_node num_setup_attempts_python"),
    *_same("StageSpec", "num_run_attempts_python slots_per_actor"),
    *_instead("StageSpec", "ignore_failures", _FAILURES),
    *_instead("StageSpec", "reset_workers_on_failure", "Renew in process_data what broke"),
    *_instead("StageSpec", "worker_max_lifetime_m worker_restart_interval_m", _LIFETIME),
    *_instead("StageSpec", "max_setup_failure_percentage", "Raise num_setup_attempts_python"),
    *_instead("StageSpec", "over_provision_factor", _POOLS),
    *_same("PipelineConfig", "execution_mode num_setup_attempts_python num_run_attempts_python"),
    *_same("PipelineConfig", "slots_per_actor"),
    *_instead("PipelineConfig", "ignore_failures failures_return_nones", _FAILURES),
    *_instead("PipelineConfig", "reset_workers_on_failure", "Renew in process_data what broke"),
    *_instead("PipelineConfig", "worker_max_lifetime_m worker_restart_interval_m", _LIFETIME),
    *_instead("PipelineConfig", "max_setup_failure_percentage", "Raise num_setup_attempts_python"),
    *_instead("PipelineConfig", "enable_work_stealing max_tasks_to_poll_per_chunk", _POOLS),
    *_instead("PipelineConfig", "mode_specific", _POOLS),
    *_instead("PipelineConfig", "logging_interval_s log_worker_allocation_layout", _LOGS),
    *_instead("PipelineConfig", "actor_pool_verbosity_level monitoring_verbosity_level", _LOGS),
    *_instead(
        "PipelineConfig",
        "return_last_stage_outputs",
        "Leave it out: run_pipeline returns what the last stage returns; let that return [] if "
        "it is not wanted",
    ),
    *_instead(
        "PipelineConfig", "cpu_allocation_percentage", "Start the nodes with fewer --num-cpus"
    ),
    *_instead("PipelineConfig", "clear_cuda_visible_devices_on_cpu_actors", _GPUS),
    *_instead(
        "PipelineConfig", "serving_drain_on_close serving_drain_timeout_s", _QUEUES, is_new=True
    ),
    *_same("PipelineSpec", "config input_data stages"),
    *_instead("PipelineSpec", "job_info", "Tag your own metrics"),
    *_instead("PipelineSpec", "serving_queues", _QUEUES),
    *_same("ExecutionMode", "BATCH STREAMING"),
    *_instead("ExecutionMode", "SERVING", _QUEUES),
    *_same("Resources", "cpus gpus"),
    *_instead("Resources", "is_spmd", _SPMD),
    *_same("RuntimeEnv", "conda extra_env_vars"),
    *_same("CondaEnv", "name"),
    *_same("NodeInfo", "node_id"),
    *_same("WorkerMetadata", "worker_id"),
    *_instead("WorkerMetadata", "worker_group_id", "Use worker_id"),
    *_instead(
        "WorkerMetadata", "allocation", "Use node_id and resources; ray.get_gpu_ids has GPUs"
    ),
    *_instead("WorkerMetadata", "should_set_cuda_visible_devices", _METADATA),
    *_instead("WorkerMetadata", "world_size local_rank rank rendevous_params", _SPMD),
    *_instead("WorkerMetadata", "make_dummy", "Call the class with values of your test"),
    *_instead("WorkerMetadata", "distributed_execution_params", _SPMD),
    *_same("DistributedDownloadConfig", "object_store_config chunk_size_bytes node_parallelism"),
    *_same("DistributedDownloadConfig", "object_store_parallelism verbose"),
)
"""Every public name of both versions' `pipelines.v1` that a user gives or overrides."""

_INSTEAD = {(each.owner, each.name): each.instead for each in NAMES if each.instead is not None}


def instead_of(owner: str, name: str) -> str | None:
    """What to do instead of a name that is refused; None for any other.

    Example:
        >>> instead_of("Resources", "is_spmd").split(",")[0]
        'Start such workers inside one worker that holds all the gpus'
    """
    return _INSTEAD.get((owner, name))


def refusal(owner: str, names: Iterable[str]) -> InvalidRequestError | None:
    """The error for names that are refused; None if none of them is."""
    refused = [(name, instead) for name in names if (instead := instead_of(owner, name))]
    if not refused:
        return None
    advice = dict.fromkeys(instead for _, instead in refused)
    return InvalidRequestError(
        f"{owner} has no {', '.join(name for name, _ in refused)}, which cosmos-xenna has",
        remedy=". ".join(advice),
    )


def refuses_names(kind: Kind) -> Kind:
    """A class decorator: arguments that only cosmos-xenna has are refused by name."""
    target: Any = kind
    original: Callable[..., None] = target.__init__

    @functools.wraps(original)
    def checked(self: Any, *args: Any, **fields: Any) -> None:
        if (error := refusal(kind.__name__, fields)) is not None:
            raise error
        original(self, *args, **fields)

    target.__init__ = checked
    return kind
