"""Calls a function before the first task or actor of this Ray worker process.

A worker's setup hook runs before the process has a task. Ray knows no environment there, and ends
the process if the hook calls a task, an actor or `runtime_env` (seen with Ray 2.60). So the hook
only asks for a call later: when Ray looks up the function or class of the process's first task.
There, everything works, and an error reaches the caller as one of the task itself.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import ray
from ray._private import worker as ray_worker

from xfd_api.errors import InvalidRequestError

LOOKS_UP = "get_execution_info"
"""The method of Ray's function manager that a worker calls before it runs a function."""


def before_first_task(call: Callable[[], None]) -> None:
    """Has `call` run before the first task or actor of this process.

    If it raises an `Exception`, the task or the actor's constructor raises that instead of running,
    and the process ends: the next task gets a new one, which tries again.

    Raises:
        InvalidRequestError: see `function_manager`.
    """
    functions = function_manager()
    look_up = getattr(functions, LOOKS_UP)
    setattr(functions, LOOKS_UP, _looking_up_after(call, look_up, functions))


def function_manager() -> Any:
    """What knows this process's functions, in the driver as well.

    Raises:
        InvalidRequestError: this Ray has no such place. All releases from 2.40 to 2.60 have it.
    """
    functions = getattr(ray_worker.global_worker, "function_actor_manager", None)
    if not callable(getattr(functions, LOOKS_UP, None)):
        raise InvalidRequestError(
            f"Ray {ray.__version__} does not let a setup hook wait for files",
            remedy="Call xfd_ray.ensure_local at the start of each task and actor instead",
        )
    return functions


def _looking_up_after(
    call: Callable[[], None], look_up: Callable[..., Any], functions: Any
) -> Callable[..., Any]:
    lock = threading.Lock()  # Concurrency groups look up from threads.

    @functools.wraps(look_up)
    def look_up_after(job: Any, function: Any) -> Any:
        with lock:
            if LOOKS_UP in vars(functions):
                try:
                    call()
                except Exception as error:
                    return _raising(error, look_up(job, function))
                delattr(functions, LOOKS_UP)
        return look_up(job, function)

    return look_up_after


def _raising(error: Exception, info: Any) -> Any:
    @functools.wraps(info.function)
    def raise_instead(*_args: Any, **_options: Any) -> None:
        raise error.with_traceback(None) from None

    return info._replace(function=raise_instead, max_calls=1)
