"""What Ray's errors mean here. Pure.

Ray flattens much into text. Of that, the last words are kept: the exception itself where one was
raised, and what became of the process where that died.
"""

from __future__ import annotations

import re

from ray import exceptions as ray_errors

from xfd_api.errors import (
    CoordinatorLostError,
    InternalError,
    NodeLostError,
    NodeUnavailableError,
    VersionMismatchError,
    XfdError,
)
from xfd_ray.unexpected import as_xfd_error
from xfd_ray.worker_api import Unavailable

LONGEST_TEXT = 400
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Exit|Interrupt|Warning)\b(:|$)")


def worker_error(error: BaseException, node: str) -> BaseException:
    """The error of xfd that a call of a worker amounts to.

    A worker that may come up at the next try is a `NodeLostError`. One whose constructor raised
    would raise again: that is no loss, but an error that says what was raised.
    """
    told = _told(error, node)
    if told is not None:
        return told
    if isinstance(error, ray_errors.ActorUnavailableError):
        return Unavailable(str(error))
    if isinstance(error, ray_errors.ActorUnschedulableError):
        return NodeUnavailableError(
            "Ray starts no process there: the node is being drained, or was lost a moment ago",
            node=node,
        )
    if isinstance(error, ray_errors.RayError):
        return NodeLostError(
            f"Its worker is gone: {type(error).__name__}: {last_words(error)}", node=node
        )
    return error


def coordinator_error(error: BaseException, timeout_s: float) -> BaseException:
    """The error of xfd that a call of the coordinator amounts to.

    `CoordinatorLostError` where another try may reach it, or a new one.
    """
    told = _told(error, None)
    if told is not None:
        return told
    if isinstance(error, ray_errors.GetTimeoutError):
        return CoordinatorLostError(f"The coordinator did not answer within {timeout_s:.3g} s")
    if isinstance(error, ray_errors.RayError):
        return CoordinatorLostError(
            f"The coordinator is gone: {type(error).__name__}: {last_words(error)}"
        )
    return error


def last_words(error: BaseException) -> str:
    """The exception that the text of Ray's error ends with, or else its last line; not too long."""
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines()]
    lines = [line for line in lines if line]
    starts = [place for place, line in enumerate(lines) if _EXCEPTION.match(line)]
    said = " ".join(lines[starts[-1] :] if starts else lines[-1:])
    return said if len(said) <= LONGEST_TEXT else f"{said[:LONGEST_TEXT]}..."


def _told(error: BaseException, node: str | None) -> XfdError | None:
    """What the actor itself said, in a method or in its constructor; None where it said nothing."""
    if isinstance(error, ray_errors.RayTaskError):
        cause = error.cause
        if isinstance(cause, ray_errors.RayError):
            return None
        return as_xfd_error(cause, node)
    if isinstance(error, XfdError):
        return error if node is None else error.at_node(node)
    if isinstance(error, ray_errors.RayActorError) and error.actor_init_failed:
        said = last_words(error)
        if "No module named" in said:
            return VersionMismatchError(f"The node lacks packages of xfd: {said}", node=node)
        return InternalError(
            f"A process of xfd could not start: {said}",
            node=node,
            remedy="Mend what this names; Ray's log folder on the node has the whole trace",
        )
    return None
