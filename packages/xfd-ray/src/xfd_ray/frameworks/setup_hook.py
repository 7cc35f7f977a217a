"""Files before any task or actor of a Ray program, by Ray's `worker_process_setup_hook`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.progress_modes import ProgressMode
from xfd_api.request_forms import Requests
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.cluster.first_task import before_first_task, function_manager
from xfd_ray.frameworks.files_here import FilesHere
from xfd_ray.metrics.choice import MetricsMode


def setup_hook(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    deadline_s: float | None = None,
    keep_s: float | None = None,
    progress: ProgressMode | None = None,
    metrics: MetricsMode | None = None,
    metrics_ports: tuple[int, int] | None = None,
) -> Callable[[], None]:
    """A hook for `ray.init` that brings files to each node before the program's tasks need them.

    In each process of the program that Ray starts on a node, the first task or actor waits until
    the files are there. One process of a node asks for them; the others only look whether they are
    there. Nodes that join later get them the same way. The driver itself does not wait: it calls
    `download_distributed` if it needs them. If the files cannot come, the task or the actor's
    constructor raises the error, and the next one tries again.

    Ray keeps the hook with `object_store_config` in the cluster's memory until the job is over, as
    it does with all that tasks use. Keys that nodes find by themselves are not in it. Ray Client
    (`ray://`) carries no hook.

    Args:
        download_requests: see `download_distributed`.
        object_store_config: see `download_distributed`.
        deadline_s: see `ensure_local`.
        keep_s: see `ensure_local`.
        progress: see `download_distributed`.
        metrics: see `download_distributed`.
        metrics_ports: see `download_distributed`.

    Returns:
        What `worker_process_setup_hook` takes.

    Raises:
        InvalidRequestError: a request or an option makes no sense. Like UnknownProfileError,
            UnsafePathError, UnknownArchiveError and DestinationConflictError it is raised here, in
            the driver. So it is if this Ray has no place for the hook.

    Example:
        >>> import xfd_ray
        >>> from xfd_api import ObjectStoreConfig
        >>> store = ObjectStoreConfig.make_for_s3(bucket="my-models")
        >>> hook = xfd_ray.setup_hook(["llama/config.json"], store)
        >>> runtime_env = {"worker_process_setup_hook": hook}
        >>> # ray.init(runtime_env=runtime_env)
    """
    hook = SetupHook(FilesHere.of(**locals()))  # All arguments, by their names.
    function_manager()
    return hook


@dataclass(frozen=True)
class SetupHook:
    """See `setup_hook`. Ray pickles it in the driver, and calls it in each worker process."""

    files: FilesHere

    __name__ = "xfd_ray.setup_hook"
    """Ray shows it in the runtime environment."""

    def __call__(self) -> None:
        """Asks for the files before this process's first task."""
        before_first_task(self.files.bring_once_per_node)
