"""Brings an exception of a stage back to the caller of the pipeline, as itself.

The worker packs the pickled exception, the stage's name and the traceback's text into a
`PackedFailure`. That survives Ray and Ray Data, which wrap it into their own. The driver unpacks it
and raises the original exception, with a `StageError` as its cause.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator
from typing import Any, TypeVar

from ray import cloudpickle
from ray.exceptions import UserCodeException

from xfd_api.errors import XfdError

E = TypeVar("E", bound=BaseException)


class StageError(XfdError, RuntimeError):
    """A stage failed; says which stage, in which method, and on which node.

    It is the `__cause__` of the exception that the stage raised. It is raised itself if that cannot
    be pickled, is a `SystemExit`, or if the worker's process died.

    Attributes:
        stage: the stage's name.
    """

    def __init__(self, what: str, *, stage: str, **fields: Any) -> None:
        super().__init__(what, **fields)
        self.stage = stage

    def fields(self) -> dict[str, Any]:
        """See `XfdError`."""
        return {**super().fields(), "stage": self.stage}

    def __str__(self) -> str:
        return f"Stage {self.stage}: {super().__str__()}"


class PackedFailure(UserCodeException):
    """A packed exception on its way from a worker to the driver.

    Ray Data logs a `UserCodeException` briefly, and others as its own bugs.
    """

    def __init__(self, stage: str, method: str, node: str, text: str, pickled: bytes | None):
        super().__init__(stage, method, node, text, pickled)
        self.stage = stage
        self.method = method
        self.node = node
        self.text = text
        self.pickled = pickled

    def __str__(self) -> str:
        return f"Stage {self.stage} failed in {self.method}:\n{self.text}"


def pack(error: BaseException, *, stage: str, method: str, node: str) -> PackedFailure:
    """Packs an exception that a stage raised in `method`."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        pickled: bytes | None = cloudpickle.dumps(error)
        pickle.loads(pickled or b"")  # noqa: S301 (our own bytes, to see that they can be read)
    except Exception:  # Whatever a foreign class raises in its reduction.
        pickled = None
    return PackedFailure(stage, method, node, text, pickled)


def unpack(failure: PackedFailure) -> BaseException:
    """The packed exception, with a `StageError` as its cause."""
    where = StageError(
        f"It failed in {failure.method}:\n{failure.text}", stage=failure.stage, node=failure.node
    )
    if failure.pickled is None:
        return where
    try:
        error = pickle.loads(failure.pickled)  # noqa: S301 (packed by our own worker)
    except Exception:  # Its class may not be importable here.
        return where
    if isinstance(error, StageError):
        return error
    if not isinstance(error, Exception):  # A `SystemExit` would end the caller silently.
        return where
    error.__cause__ = where
    return error


def find(error: BaseException, kind: type[E]) -> E | None:
    """The first exception of this kind among all that led to the error, if there is one."""
    return next((each for each in _below(error) if isinstance(each, kind)), None)


def _below(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that led to it, by Python's links and Ray's `cause`."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "cause", None)]
