"""Serve LLM: the model on the replica's nodes before its engine starts, read once per cluster.

Ray's `CloudDownloader` and its mirrors read all files once on each node. `ClusterDownloader` takes
their place in `LLMConfig(callback_config=...)`. Ray calls it in each replica's process, before it
looks at the model itself. It brings the files to all nodes of the replica's placement group, and
points the engine's configuration to them, so that neither Ray nor vLLM downloads anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import ray

from xfd_api.errors import InvalidRequestError, MissingPackageError
from xfd_api.hub_repos import DEFAULT_REVISION, HubRepo
from xfd_api.paths import hub_cache, local_path
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.request_forms import Requests, as_requests
from xfd_api.requests import DownloadRequest, HubDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.distribute import Distribution
from xfd_ray.options import DistributionOptions

try:
    from ray.llm._internal.common.callbacks.base import CallbackBase
except ModuleNotFoundError as error:
    raise MissingPackageError(
        f"Serve LLM of Ray {ray.__version__} takes no callbacks: {error}",
        remedy='Install "ray[llm]>=2.55" on every node',
    ) from error

OTHER_FORMATS = (
    *("original/", "onnx/", "openvino/", "coreml/", "metal/"),
    *("*.pth", "*.msgpack", "*.h5", "rust_model*", "*.onnx", "*.gguf", "*.tflite"),
)
"""Files of a model's repository that vLLM does not read, as it leaves them out by itself."""

MODELS = Path("serve-llm")
"""Where models that are no repositories of a hub lie, below each node's root."""


class ClusterDownloader(CallbackBase):
    """Brings a model, and other files, to the nodes of each replica; xfd reads them once.

    Give it as `callback_class` of an `LLMConfig`, and its options as `callback_kwargs`. Replicas
    that start at once share one download. A replica holds the files for as long as it lives: one
    that starts later, on another node, gets the same version from the nodes that have it.

    Ray keeps `callback_kwargs` in the cluster. Leave keys out of `store`, and let the nodes find
    them, or name them in the `env_vars` of the `LLMConfig`'s `runtime_env`.

    Args:
        paths: (uri, folder) pairs, as `CloudDownloader` takes them: all objects below the uri
            become files below the folder. A relative folder lies under the node's root.
        requests: anything else; see `xfd_ray.download_distributed`.
        store: the store, or one per profile; None is enough for full uris.
        include: patterns of the model's files; see `HubDownloadRequest`.
        exclude: patterns of the model's files to leave out; by default weights of other formats.
        options: see `DistributionOptions`. By default files go to the nodes of the replica's
            placement group, and an open call's version is taken.
        llm_config: Ray gives it.
        raise_error_on_callback: Ray gives it.
        ctx_kwargs: Ray gives it.

    Raises:
        InvalidRequestError, UnknownProfileError, UnsafePathError: the options make no sense.

    Example:
        >>> callback_config = {
        ...     "callback_class": "xfd_ray.frameworks.serve_llm.ClusterDownloader",
        ...     "callback_kwargs": {"paths": [("s3://my-models/llama/", "/models/llama")]},
        ... }
        >>> # LLMConfig(callback_config=callback_config, ...)
    """

    def __init__(
        self,
        llm_config: Any,
        raise_error_on_callback: bool = True,
        ctx_kwargs: dict[str, Any] | None = None,
        *,
        paths: Sequence[tuple[str, str]] = (),
        requests: Requests = (),
        store: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = OTHER_FORMATS,
        options: DistributionOptions | None = None,
    ) -> None:
        super().__init__(llm_config, raise_error_on_callback, ctx_kwargs)
        self._requests = [*map(_folder_request, paths), *as_requests(requests, what="requests")]
        self._store = store
        self._include, self._exclude = tuple(include), tuple(exclude)
        self._options = options or DistributionOptions(on_version_conflict="pinned")
        self._files: Distribution | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Ray sends the callback along to its own tasks. The lease stays with the replica.
        return {**self.__dict__, "_files": None}

    async def on_before_node_init(self) -> None:
        """Brings the files. Ray calls it in the replica's process."""
        engine: Any = self.llm_config.get_engine_config()
        streams = self.ctx.worker_node_download_model
        is_streamed = streams is not None and not streams  # From the store into the GPUs.
        model = None if is_streamed else _model_of(engine, self._include, self._exclude)
        extra = _extra_files_of(engine)
        requests = [*self._requests, *extra, *([] if model is None else [model.request])]
        if not requests:
            return
        nodes = self._options.nodes
        if nodes is None:
            placed = ray.util.placement_group_table(self.ctx.placement_group)
            nodes = sorted(set(placed["bundles_to_node_id"].values()))
        arguments = {**self._options.as_arguments(), "nodes": nodes}
        self._files = await Distribution(requests, self._store, **arguments).__aenter__()
        if model is not None:
            engine.hf_model_id = str(_checked(model.folder()))
            engine.mirror_config = None
        elif extra:
            engine.mirror_config.extra_files = []


class _Model(NamedTuple):
    """How a model comes, and the folder that it has on this node then."""

    request: DownloadRequest
    folder: Callable[[], Path]


def _model_of(engine: Any, include: tuple[str, ...], exclude: tuple[str, ...]) -> _Model | None:
    """The model of an engine's configuration; None if it is a local folder."""
    name = engine.actual_hf_model_id
    if engine.mirror_config is not None and engine.mirror_config.bucket_uri is not None:
        place = MODELS / name.replace("/", "--")
        request = _folder_request((engine.mirror_config.bucket_uri, str(place)))
        return _Model(request, partial(local_path, place))
    if name.startswith(("/", ".", "~")) or Path(name).is_dir():
        return None
    repo = HubRepo("model", name, engine.engine_kwargs.get("revision") or DEFAULT_REVISION)
    wanted = HubDownloadRequest(name, repo.revision, include=include, exclude=exclude)
    return _Model(DownloadRequest(wanted), partial(_snapshot_of, repo))


def _snapshot_of(repo: HubRepo) -> Path:
    folder = hub_cache() / repo.folder
    ref = folder / "refs" / repo.revision
    commit = ref.read_text().strip() if ref.is_file() else repo.revision
    return folder / "snapshots" / commit


def _checked(folder: Path) -> Path:
    if folder.is_dir():
        return folder
    raise InvalidRequestError(
        "The model is not on the replica's node",
        path=str(folder),
        remedy="Let nodes= of the options select all nodes that replicas run on",
    )


def _extra_files_of(engine: Any) -> list[DownloadRequest]:
    """What a mirror names beside the model; Ray reads it on each node too."""
    files = [] if engine.mirror_config is None else engine.mirror_config.extra_files or []
    return [
        _folder_request((each.bucket_uri, os.path.expandvars(each.destination_path)))
        for each in files
    ]


def _folder_request(pair: tuple[str, str]) -> DownloadRequest:
    try:
        uri, folder = pair
        uri, place = f"{uri.rstrip('/')}/", Path(folder).expanduser()
    except (TypeError, ValueError, AttributeError):
        raise InvalidRequestError(
            f"paths holds {pair!r}", remedy='Give pairs such as ("s3://bucket/folder/", "/folder")'
        ) from None
    if "://anonymous@" in uri:
        raise InvalidRequestError(
            "The uri asks for anonymous access as Ray's own downloads do",
            object=uri,
            remedy="Write it without anonymous@, and give a store made with anonymous=True",
        )
    return DownloadRequest(PrefixDownloadRequest(uri, place))
