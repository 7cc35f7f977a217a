"""Files before the constructor of a class: Ray Data's, Ray Serve's, and any actor's."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from xfd_api.errors import InvalidRequestError, XfdError
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.progress_modes import ProgressMode
from xfd_api.request_forms import Requests
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.client.in_thread import in_thread
from xfd_ray.client.lease_call import LeaseCall
from xfd_ray.frameworks.files_here import FilesHere
from xfd_ray.metrics.choice import MetricsMode

Class = TypeVar("Class", bound=type)

_held: list[tuple[FilesHere, LeaseCall]] = []
"""What this process holds."""


def with_files(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    deadline_s: float | None = None,
    keep_s: float | None = None,
    progress: ProgressMode | None = None,
    metrics: MetricsMode | None = None,
    metrics_ports: tuple[int, int] | None = None,
) -> Callable[[Class], Class]:
    """Decorates a class whose constructor needs files: they are on its node before it runs.

    It is for classes given to `Dataset.map_batches`, below `@serve.deployment`, and below
    `@ray.remote`. The class keeps its name, its signature, and that it can be pickled. Processes of
    a node share the files. If they cannot come, the constructor raises the error.

    The process holds the files until it ends: its node serves them to nodes that come later, so
    that they are not read from the store again. Nodes that come later have the same version of
    them.

    Args:
        download_requests: see `download_distributed`.
        object_store_config: see `download_distributed`.
        deadline_s: see `ensure_local`.
        keep_s: see `ensure_local`.
        progress: see `download_distributed`.
        metrics: see `download_distributed`.
        metrics_ports: see `download_distributed`.

    Returns:
        The decorator. It returns the class that it is given.

    Raises:
        InvalidRequestError: a request or an option makes no sense. Like UnknownProfileError,
            UnsafePathError, UnknownArchiveError and DestinationConflictError it is raised
            where the class is defined.

    Example:
        >>> import ray, xfd_ray
        >>> from xfd_api import ObjectStoreConfig, local_path
        >>> store = ObjectStoreConfig.make_for_s3(bucket="my-models")
        >>> @xfd_ray.with_files("llama/config.json", store)
        ... class Model:
        ...     def __init__(self):
        ...         self.size = local_path("llama/config.json").stat().st_size
        ...     def __call__(self, batch):
        ...         return {"size": [self.size for _ in batch["id"]]}
        >>> ray.data.range(1).map_batches(Model, concurrency=1).take_all()
        [{'size': 2}]
    """
    files = FilesHere.of(**locals())  # All arguments, by their names.

    def decorate(decorated: Class) -> Class:
        if not isinstance(decorated, type):
            raise InvalidRequestError(
                f"with_files decorates a {type(decorated).__name__}",
                remedy="Put it directly above a class, below @serve.deployment and @ray.remote; "
                "in a function, call xfd_ray.ensure_local",
            )
        decorated.__init__ = _after_files(decorated.__init__, files)  # type: ignore[misc]
        return decorated

    return decorate


def _after_files(constructor: Callable[..., Any], files: FilesHere) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(constructor):

        @functools.wraps(constructor)
        async def await_files(self: Any, *args: Any, **options: Any) -> None:
            with _without_our_frames():
                if call := files.call():
                    await in_thread(lambda: _hold(files, call), call.cancel)
            await constructor(self, *args, **options)

        return await_files

    @functools.wraps(constructor)
    def bring_files(self: Any, *args: Any, **options: Any) -> None:
        with _without_our_frames():
            if call := files.call():
                _hold(files, call)
        constructor(self, *args, **options)

    if not inspect.isfunction(constructor):
        # That of `object`, say. Ray changes attributes of what is wrapped, and this has none.
        del bring_files.__wrapped__
    return bring_files


@contextlib.contextmanager
def _without_our_frames() -> Iterator[None]:
    """Leaves an error's text, and not which functions of xfd it came through.

    Ray's libraries show a user the whole traceback, of which some cut the middle.
    """
    try:
        yield
    except XfdError as error:
        raise error.with_traceback(None) from None


def _hold(files: FilesHere, call: LeaseCall) -> None:
    """Brings the files, and holds them unless this process does already."""
    if any(files == held for held, _ in _held):
        call.once()
    else:
        call.hold()
        _held.append((files, call))
