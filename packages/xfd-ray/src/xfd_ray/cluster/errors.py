"""Turns Ray's errors into errors of xfd. Pure.

Ray puts much into text. The last words of that are kept: the exception itself if one was raised, or
what happened to a process that died.
"""

from __future__ import annotations

import re

from ray import exceptions as ray_errors

from xfd_api.errors import (
    CoordinatorLostError,
    InternalError,
    NodeLostError,
    NodeUnavailableError,
    RuntimeEnvError,
    VersionMismatchError,
    XfdError,
)
from xfd_api.sanitize import without_credentials
from xfd_ray.telemetry.versions import installed_versions, remedy
from xfd_ray.unexpected import as_xfd_error
from xfd_ray.worker_api import Unavailable

LONGEST_TEXT = 400
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NOT_IMPORTED = "The remote function failed to import"
_INSTALLER = re.compile("ERROR: |error: |[\u00d7\u2570\u251c\u2502]")
"""How pip and uv begin a line about what went wrong."""

_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Exit|Interrupt|Warning)\b(:|$)")


def worker_error(error: BaseException, node: str) -> BaseException:
    """The error of xfd for a failed call of a worker.

    A worker that may come up at the next attempt gives a `NodeLostError`. A constructor that raised
    would raise again, so that gives an error with what it raised.
    """
    raised = _raised_by_actor(error, node)
    if raised is not None:
        return raised
    if isinstance(error, ray_errors.ActorUnavailableError):
        return Unavailable(str(error))
    if isinstance(error, ray_errors.ActorUnschedulableError):
        return _starts_nothing(node)
    if isinstance(error, ray_errors.RayError):
        return NodeLostError(
            f"Its worker is gone: {type(error).__name__}: {last_words(error)}", node=node
        )
    return error


def task_error(error: BaseException, node: str) -> XfdError:
    """The error of xfd for a failed task that was pinned to a node."""
    if isinstance(error, ray_errors.RayTaskError):
        if _NOT_IMPORTED in str(error.cause):
            return _lacks_packages(last_words(error), node)
        return as_xfd_error(error.cause, node)
    if isinstance(error, ray_errors.TaskUnschedulableError):
        return _starts_nothing(node)
    if isinstance(error, ray_errors.RuntimeEnvSetupError) and installer_words(error):
        return _no_environment(error, node)
    if isinstance(error, ray_errors.RayError):
        return NodeLostError(
            f"Its process is gone: {type(error).__name__}: {last_words(error)}", node=node
        )
    return as_xfd_error(error, node)


def coordinator_error(
    error: BaseException, timeout_s: float, node: str | None = None
) -> BaseException:
    """The error of xfd for a failed call of the coordinator.

    It is a `CoordinatorLostError` if another attempt may reach this coordinator, or a new one.

    Args:
        error: what Ray raised.
        timeout_s: how long the call was allowed to take.
        node: where the coordinator was started, if this process started it.
    """
    raised = _raised_by_actor(error, None)
    if node is not None and isinstance(raised, (VersionMismatchError, RuntimeEnvError)):
        return raised.at_node(node)
    if raised is not None:
        return raised
    if isinstance(error, ImportError):
        # Behind Ray Client, the process at the cluster reads what this one sends.
        return _lacks_packages(f"{type(error).__name__}: {error}", node)
    if isinstance(error, ray_errors.GetTimeoutError):
        return CoordinatorLostError(f"The coordinator did not answer within {timeout_s:.3g} s")
    if isinstance(error, ray_errors.RayError):
        return CoordinatorLostError(
            f"The coordinator is gone: {type(error).__name__}: {last_words(error)}"
        )
    return error


def last_words(error: BaseException) -> str:
    """The exception that the text of Ray's error ends with, else its last line; shortened."""
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines()]
    lines = [line for line in lines if line]
    starts = [place for place, line in enumerate(lines) if _EXCEPTION.match(line)]
    said = without_credentials(" ".join(lines[starts[-1] :] if starts else lines[-1:]))
    return said if len(said) <= LONGEST_TEXT else f"{said[:LONGEST_TEXT]}..."


def installer_words(error: BaseException) -> str:
    """The lines in which pip or uv says what went wrong, shortened; empty if they did not run.

    The agent of a node that has just started may not answer yet, which is worth another attempt.
    """
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines()]
    said = " ".join(dict.fromkeys(line for line in lines if _INSTALLER.match(line)))
    # Before it is cut: what is left of a login has no @ that shows it.
    return without_credentials(said)[:LONGEST_TEXT]


def _raised_by_actor(error: BaseException, node: str | None) -> XfdError | None:
    """The error that the actor's own code raised, if it did, in a method or its constructor.

    An actor whose environment cannot be made does not start either.
    """
    if isinstance(error, ray_errors.RuntimeEnvSetupError) and installer_words(error):
        return _no_environment(error, node)
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
            return _lacks_packages(said, node)
        return InternalError(
            f"A process of xfd could not start: {said}",
            node=node,
            remedy="Mend what this names; Ray's log folder on the node has the whole trace",
        )
    return None


def _lacks_packages(said: str, node: str | None) -> VersionMismatchError:
    return VersionMismatchError(
        f"The node lacks packages of xfd: {said}", node=node, remedy=remedy(installed_versions())
    )


def _no_environment(error: BaseException, node: str | None) -> RuntimeEnvError:
    return RuntimeEnvError(
        f"Ray could not make the environment of the runtime_env: {installer_words(error)}",
        node=node,
    )


def _starts_nothing(node: str) -> NodeUnavailableError:
    return NodeUnavailableError(
        "Ray starts no process there: the node is being drained, or was lost a moment ago",
        node=node,
    )
