"""Fills the hub caches of all nodes with the models of a pipeline of NeMo Curator.

    from xfd_pipelines import curator

    curator.prefetch(pipeline)
    pipeline.run()

xfd does not depend on NeMo Curator, and imports nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xfd_ray
from xfd_api import (
    DistributionReport,
    DownloadRequest,
    HubDownloadRequest,
    ObjectStoreConfig,
    ObjectStoreConfigByProfile,
    hub_cache,
)
from xfd_api.errors import InvalidRequestError, XfdError
from xfd_api.json_text import parsed
from xfd_pipelines.curator.models import Model, StageModels, models_of
from xfd_ray import DistributionOptions
from xfd_ray.cluster.each_node import on_each_node

__all__ = ["Model", "Prefetched", "StageModels", "prefetch"]

OFFLINE = {"HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class Prefetched:
    """What `prefetch` did.

    Attributes:
        stages: each stage that loads models, or that may.
        reports: of the distributions: one, or two if models name others that they build on.
    """

    stages: tuple[StageModels, ...]
    reports: tuple[DistributionReport, ...] = ()

    @property
    def unknown(self) -> tuple[StageModels, ...]:
        """The stages that may load more than was brought, each with the reason."""
        return tuple(each for each in self.stages if each.unknown is not None)

    def __str__(self) -> str:
        lines = [
            f"{each.stage}: {model.repo_id}" + (f"@{model.revision}" if model.revision else "")
            for each in self.stages
            for model in each.models
        ]
        return "\n".join([*lines, *(f"{each.stage}: {each.unknown}" for each in self.unknown)])


def prefetch(
    pipeline: Any,
    object_store_config: ObjectStoreConfig | None = None,
    *,
    also: Sequence[str] = (),
    offline: bool = True,
    options: DistributionOptions | None = None,
) -> Prefetched:
    """Brings the models of all stages into the hub cache of every node.

    It builds the pipeline first, which takes composite stages apart. Connects to Ray as
    `ray.init()` does, unless this process is connected.

    Args:
        pipeline: a `Pipeline` of NeMo Curator.
        object_store_config: a hub, made by `make_for_hub`; None for that of the environment.
        also: further models by their ids, for stages that prefetch does not know.
        offline: let the stages of NeMo Curator whose models are all known ask no hub:
            `HF_HUB_OFFLINE` in their `runtime_env`. Without it they ask the hub for the commit, and
            fetch nothing.
        options: options of `xfd_ray.download_distributed`.

    Returns:
        What each stage loads, which stages may load more, and the reports.

    Raises:
        InvalidRequestError: the pipeline is none, or is empty.
        XfdError: see `xfd_ray.download_distributed`.

    Example:
        >>> from types import SimpleNamespace
        >>> from xfd_pipelines import curator
        >>> pipeline = SimpleNamespace(build=lambda: None, stages=[SimpleNamespace()])
        >>> curator.prefetch(pipeline).stages
        ()
    """
    stages = _built(pipeline)
    known = [models_of(stage) for stage in stages]
    models = [model for each in known for model in each.models] + [Model(name) for name in also]
    reports: list[DistributionReport] = []
    if models:
        bring = _Bring(object_store_config, options)
        reports.append(bring(models))
        if bases := bring.bases(models, reports[0]):
            reports.append(bring(bases))
    if offline:
        for stage, each in zip(stages, known, strict=True):
            _set_offline(stage, each)
    return Prefetched(tuple(each for each in known if each.models or each.unknown), tuple(reports))


def _built(pipeline: Any) -> list[Any]:
    build = getattr(pipeline, "build", None)
    if not callable(build) or not hasattr(pipeline, "stages"):
        raise InvalidRequestError(
            f"The pipeline is a {type(pipeline).__name__}", remedy="Give a Pipeline of NeMo Curator"
        )
    try:
        build()
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"NeMo Curator cannot build the pipeline: {error}",
            remedy="Correct its stages, as pipeline.run() would ask for too",
        ) from error
    return list(pipeline.stages)


class _Bring:
    """Distributes models, each with the token of its stage."""

    def __init__(
        self, object_store_config: ObjectStoreConfig | None, options: DistributionOptions | None
    ) -> None:
        self._hub = object_store_config or ObjectStoreConfig.make_for_hub()
        self._options = options or DistributionOptions()

    def __call__(self, models: Iterable[Model]) -> DistributionReport:
        wanted = list(dict.fromkeys(models))
        tokens = dict.fromkeys(model.token for model in wanted if model.token is not None)
        names = {token: f"token-{place}" for place, token in enumerate(tokens)}
        profiles: dict[str | None, ObjectStoreConfig] = {None: self._hub}
        for token, name in names.items():
            profiles[name] = ObjectStoreConfig.make_for_hub(self._hub.endpoint, token)
        requests = [
            DownloadRequest(
                HubDownloadRequest(
                    model.repo_id,
                    model.revision,
                    include=model.include,
                    profile_name=names.get(model.token or ""),
                )
            )
            for model in wanted
        ]
        return xfd_ray.download_distributed(
            list(dict.fromkeys(requests)),
            ObjectStoreConfigByProfile(profiles),
            **self._options.as_arguments(),
        )

    def bases(self, models: Iterable[Model], report: DistributionReport) -> list[Model]:
        """The models that the configurations of these name, read on one node that has them."""
        asked = list(dict.fromkeys(model.repo_id for model in models if model.names_base))
        if not asked:
            return []
        node = next(node.node for node in report.nodes if node.state == "done")
        (answer,) = on_each_node(base_models, asked, nodes=[node]).values()
        if isinstance(answer, XfdError):
            raise answer
        return [Model(name) for name in answer]


def base_models(repo_ids: Sequence[str]) -> list[str]:
    """What `base_model` of the `config.json` of these models names; runs on a node."""
    found = []
    for repo_id in repo_ids:
        folder = hub_cache() / f"models--{repo_id.replace('/', '--')}"
        try:
            commit = (folder / "refs" / "main").read_text().strip()
            config = parsed(Path(folder, "snapshots", commit, "config.json").read_bytes())
        except (OSError, ValueError):  # A model without such a file names none.
            continue
        name = config.get("base_model") if isinstance(config, dict) else None
        found += [name] if isinstance(name, str) else []
    return found


def _set_offline(stage: Any, known: StageModels) -> None:
    """Adds the variable to a stage whose class is NeMo Curator's own, and whose models came."""
    is_own = type(stage).__module__.startswith("nemo_curator.")
    if not is_own or not known.models or known.unknown is not None:
        return
    env = getattr(stage, "runtime_env", None) or {}
    stage.runtime_env = {**env, "env_vars": {**OFFLINE, **(env.get("env_vars") or {})}}
