"""What a stage of a pipeline is. Pipelines import it by way of `xfd_pipelines.v1`.

A stage overrides only what it wants to be different. It gives a value as a plain attribute
(`batch_size = 16`) or as a property.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xfd_pipelines.xenna_names import instead_of, refuses_names


@refuses_names
@dataclass(frozen=True, slots=True)
class Resources:
    """What one worker of a stage holds while it lives.

    Attributes:
        cpus: logical CPUs; may be a fraction.
        gpus: logical GPUs; may be a fraction below 1, or a whole number.
        memory_bytes: heap that Ray accounts for, in bytes; None for no accounting.
        custom: amounts of Ray's custom resources, by name.

    Example:
        >>> Resources(cpus=0.5, custom={"licence": 1})
        Resources(cpus=0.5, gpus=0.0, memory_bytes=None, custom={'licence': 1})
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int | None = None
    custom: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class WorkerMetadata:
    """What a stage's `setup` knows about its worker.

    Attributes:
        stage_name: the stage that it works for.
        worker_id: Ray's id of its actor, in hexadecimal; unique in the cluster.
        node_id: Ray's id of its node, in hexadecimal.
        resources: what it holds.
    """

    stage_name: str
    worker_id: str
    node_id: str
    resources: Resources

    def __getattr__(self, name: str) -> Any:
        advice = instead_of("WorkerMetadata", name)
        more = "" if advice is None else f", which cosmos-xenna has. {advice}"
        raise AttributeError(f"WorkerMetadata has no {name}{more}")


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What a stage's `setup_on_node` knows about its node.

    Attributes:
        node_id: Ray's id of the node, in hexadecimal.
    """

    node_id: str


@dataclass(frozen=True, slots=True)
class CondaEnv:
    """A conda environment that every node has.

    Attributes:
        name: of the environment.
    """

    name: str


@dataclass(frozen=True, slots=True)
class RuntimeEnv:
    """The environment of a stage's workers.

    Attributes:
        conda: the conda environment whose Python runs them; it has xfd-pipelines too.
        extra_env_vars: variables by name.

    Example:
        >>> RuntimeEnv(extra_env_vars={"OMP_NUM_THREADS": "1"}).as_runtime_env()
        {'env_vars': {'OMP_NUM_THREADS': '1'}}
    """

    conda: CondaEnv | None = None
    extra_env_vars: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)

    def as_runtime_env(self) -> dict[str, Any]:
        """As Ray has it."""
        conda = {} if self.conda is None else {"conda": self.conda.name}
        return {"env_vars": dict(self.extra_env_vars), **conda}


class _ClassName:
    """The name of the class that it is read from."""

    def __get__(self, stage: object, owner: type) -> str:
        return owner.__name__


class Stage:
    """One step of a pipeline. Each of its workers is an actor with a copy of the stage.

    The values are annotated as `Any`: only then do mypy and pyright accept both a plain attribute
    and a property in a subclass. `run_pipeline` checks the values before anything starts.

    Attributes:
        name (str): the stage's name in errors and progress; the class's name if not given.
        download_requests (Sequence[DownloadRequest | str]): files that are on a worker's node
            before its `setup` is called. Each is a `DownloadRequest`, a bare request or a uri.
        required_resources (Resources): what each worker holds while it lives.
        batch_size (int): the most items that `process_data` gets at once.
        workers (int | tuple[int, int | None]): the number of workers, or the least and the most;
            None for as many as fit.
        stage_batch_size (int): the same as `batch_size`, by the name that cosmos-xenna has for it.
        env_info (RuntimeEnv | dict | None): the environment of its workers, if not the driver's.

    Example:
        >>> class Double(Stage):
        ...     batch_size = 16
        ...     def process_data(self, items):
        ...         return [2 * item for item in items]
        >>> Double().process_data([1, 2])
        [2, 4]
    """

    name: Any = _ClassName()
    env_info: Any = None
    download_requests: Any = ()
    required_resources: Any = Resources()
    batch_size: Any = 1
    stage_batch_size: Any = None
    workers: Any = (1, None)

    def setup_on_node(self, node_info: NodeInfo, worker_metadata: WorkerMetadata, /) -> None:
        """Called in one worker on each node, when its files are there, before any `setup` there.

        If it fails or its process dies, the next worker on the node calls it.
        """

    def setup(self, worker_metadata: WorkerMetadata, /) -> None:
        """Called once in each worker before its first item, when its files are there."""

    def destroy(self) -> None:
        """Called when a worker ends in peace: not if its process died or the pipeline failed."""

    def process_data(self, items: list[Any], /) -> list[Any] | None:
        """Turns items into the items of the next stage: as many, more, fewer, or none.

        Args:
            items: 1 to `batch_size` items.

        Returns:
            The items for the next stage; None is the same as an empty list.
        """
        return items
