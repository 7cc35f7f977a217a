"""What a stage of a pipeline is.

    from xfd_pipelines import v1 as pipelines_v1

    class Embed(pipelines_v1.Stage):
        ...

A stage overrides what it wants to be different, and nothing else: a property may also be given as
a plain class attribute (`batch_size = 16`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xfd_api import DownloadRequest
from xfd_api.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Resources:
    """What one worker of a stage holds while it lives.

    Attributes:
        cpus: logical CPUs, may be a fraction.
        gpus: logical GPUs, may be a fraction.
        memory_bytes: heap that Ray reckons with; None for no reckoning.
        custom: of Ray's custom resources, by name.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int | None = None
    custom: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class WorkerMetadata:
    """What a worker is told of itself.

    Attributes:
        stage_name: of the stage that it works for.
        worker_id: Ray's id of its actor; unique in the cluster.
        node_id: Ray's id of its node.
        resources: what it holds.
    """

    stage_name: str
    worker_id: str
    node_id: str
    resources: Resources


class Stage:
    """One step of a pipeline. Each of its workers is an actor with a copy of the stage."""

    @property
    def name(self) -> str:
        """What errors and progress call it."""
        return type(self).__name__

    @property
    def download_requests(self) -> Sequence[DownloadRequest]:
        """Files that are on a worker's node before its `setup` is called."""
        return ()

    @property
    def required_resources(self) -> Resources:
        """What each worker holds."""
        return Resources()

    @property
    def batch_size(self) -> int:
        """The most items that `process_data` is given at once."""
        return 1

    @property
    def workers(self) -> int | tuple[int, int | None]:
        """How many workers: a number, or the least and the most (None: as many as fit)."""
        return (1, None)

    def setup(self, worker_metadata: WorkerMetadata) -> None:
        """Called once in each worker before its first item; loads models and the like."""

    def process_data(self, items: list[Any]) -> list[Any] | None:
        """Turns items into the items of the next stage: as many, more, fewer, or none.

        Args:
            items: between 1 and `batch_size` of them.

        Returns:
            What the next stage gets; None is the same as an empty list.
        """
        return items


def checked_workers(stage: Stage) -> tuple[int, int | None]:
    """The least and the most workers of a stage.

    Raises:
        InvalidRequestError: they make no sense.
    """
    asked = stage.workers
    least, most = (asked, asked) if isinstance(asked, int) else asked
    if least < 1 or (most is not None and most < least):
        raise InvalidRequestError(
            f"Stage {stage.name} asks for {asked!r} workers",
            remedy="Give a number from 1 up, or (least, most)",
        )
    if stage.batch_size < 1:
        raise InvalidRequestError(
            f"Stage {stage.name} asks for batches of {stage.batch_size}", remedy="Use 1 or more"
        )
    return least, most
