"""Which coordinator a driver uses: one whose processes run what the driver's tasks run. Pure.

A coordinator and its workers have the packages of the `runtime_env` of the driver that started
them. Drivers may differ in folders of code (`working_dir`, `py_modules`), which do other drivers no
harm, and still share a coordinator; so may their setup hooks, which do not run in these processes.
Anything that makes another interpreter, or puts it elsewhere (`pip`, `uv`, `conda`, a container,
`PYTHONPATH`), may fail on a node, take minutes, or see other files. Drivers share a coordinator
only if they agree in all of that.

If folders of code bring another version of xfd itself, the coordinator refuses the driver. The
driver then starts a coordinator of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_CODE = frozenset({"working_dir", "py_modules", "java_jars"})
_NO_PACKAGES = frozenset({"env_vars", "excludes", "config", "worker_process_setup_hook"})
_READ_AT_START = frozenset({"PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LD_PRELOAD"})


def interpreter_of(runtime_env: Mapping[str, Any]) -> str:
    """A name for what drivers that share a coordinator agree in; empty for Ray's interpreter."""
    return _digest(_interpreter(runtime_env))


def packages_of(runtime_env: Mapping[str, Any], versions: Mapping[str, str | None]) -> str:
    """A name for all that a driver's processes run."""
    code = {name: runtime_env[name] for name in _CODE if runtime_env.get(name)}
    return _digest({**_interpreter(runtime_env), **code, "versions": dict(versions)})


def _interpreter(runtime_env: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in runtime_env.items()
        if value and name not in _CODE | _NO_PACKAGES and not name.startswith("_")
    }
    variables = dict(runtime_env.get("env_vars") or {})
    read = {name: value for name, value in variables.items() if name in _READ_AT_START}
    return {**kept, **({"env_vars": read} if read else {})}


def _digest(packages: Mapping[str, Any]) -> str:
    if not packages:
        return ""
    text = json.dumps(packages, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
