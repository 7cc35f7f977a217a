"""Keeps pyarrow out of the processes of xfd's own actors.

Ray imports pyarrow, and numpy with it, for the first argument that a process receives, wherever it
is installed. That takes 35 MiB and 0.1 s of a core, on each node. The actors of xfd are never sent
a table.
"""

from __future__ import annotations

import sys
from typing import Any

import ray


def keep_out_arrow(actor: str) -> None:
    """Does so if this process starts as an actor of this class, and has not imported it.

    The module of the class calls it: Ray loads that before it reads the arguments. Other processes
    load the module too, and are left alone.
    """
    modules: dict[str, Any] = sys.modules
    if "pyarrow" not in modules and _starts_as(actor):
        modules["pyarrow"] = None  # An import of it says that there is no such module.


def _starts_as(actor: str) -> bool:
    if not ray.is_initialized():
        return False
    context = ray.get_runtime_context()
    if context.worker.mode != ray.WORKER_MODE:
        return False
    named = getattr(context, "get_task_function_name", None)  # Old versions of Ray lack it.
    return named is not None and f".{named()}".endswith(f".{actor}.__init__")
