"""How an exception in a stage comes back to the caller of the pipeline: as itself.

The worker packs the exception (pickled), the stage's name and the traceback's text into a
`PackedFailure`, which passes through Ray and Ray Data whatever they wrap around it. The driver
unpacks it and raises the very exception, with a `StageError` as its cause that says where.
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
    """A stage raised an exception; this says which, and where.

    It is the `__cause__` of that exception. It stands for it where it cannot be pickled, where it
    would end the caller's process (`SystemExit`), and where the worker's process died.

    Attributes:
        stage: name of the stage.
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
    """An exception on its way from a worker to the driver.

    Ray Data logs exceptions of users' code briefly, and others as bugs of its own.
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
    """Packs an exception that `method` of a stage raised."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        pickled: bytes | None = cloudpickle.dumps(error)
        pickle.loads(pickled or b"")  # noqa: S301 (our own bytes, to see that they can be read)
    except Exception:  # Whatever a foreign class raises in its reduction.
        pickled = None
    return PackedFailure(stage, method, node, text, pickled)


def unpack(failure: PackedFailure) -> BaseException:
    """The exception that was packed, its cause set to a `StageError`."""
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
    if not isinstance(error, Exception):  # `SystemExit` would end the caller without a word.
        return where
    error.__cause__ = where
    return error


def find(error: BaseException, kind: type[E]) -> E | None:
    """The first exception of this kind somewhere below what Ray raised, if there is one."""
    return next((each for each in _below(error) if isinstance(each, kind)), None)


def _below(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it came from, by Python's links and by Ray's `cause`."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "cause", None)]
