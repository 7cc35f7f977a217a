"""The variables of a driver on which its files depend: where they land, and with which keys.

A driver gives its tasks variables by the `env_vars` of its `runtime_env`. Some of them say where
files lie, with which keys the store is read, and over which proxies. They are part of the driver's
terms: a worker has those of the drivers that it works for, and no others. Variables that a driver
sets only in its own process (`os.environ`) reach neither its tasks nor workers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from xfd_api.paths import checked_root

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_NAMES = frozenset(
    {
        *("XFD_ROOT", "XDG_CACHE_HOME", "HOME"),
        *("XFD_CACHE_QUOTA", "XFD_CACHE_MAX_AGE"),
        *_PROXIES,
        *(name.upper() for name in _PROXIES),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"),
        *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN"),
        *("HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_DISABLE_IMPLICIT_TOKEN"),
        *("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"),
        *("CLOUDSDK_CONFIG", "STORAGE_EMULATOR_HOST"),
    }
)
_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_", "HF_OIDC_")
_NEEDED_TO_START = frozenset({"HOME", "XDG_CACHE_HOME"})
SETUP_HOOK = "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR"
"""By which Ray has a process run its driver's `worker_process_setup_hook`."""

_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})")
_UNKNOWN = re.compile(r"\$\{[A-Z0-9_]+\}")


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables by name, sorted. Values may be keys, so no repr shows them."""

    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @staticmethod
    def of(env_vars: Mapping[str, str] | None) -> Environment:
        """The variables of a `runtime_env` that affect files.

        Raises:
            InvalidRequestError: `XFD_ROOT` is relative.
        """
        known = {name: value for name, value in (env_vars or {}).items() if affects_files(name)}
        named = known.get("XFD_ROOT")
        if named and "$" not in named:
            checked_root(named, what="XFD_ROOT of the runtime_env")
        return Environment(tuple(sorted(known.items())))


NODE_ENVIRONMENT = Environment()
"""Of a driver without `env_vars`: its workers keep the variables of their nodes."""


def affects_files(name: str) -> bool:
    """Whether files depend on a variable of this name."""
    return name in _NAMES or name.startswith(_PREFIXES)


def blanked(inherited: Iterable[str]) -> dict[str, str]:
    """Variables to start a process with, so that it inherits no driver's environment.

    It runs no driver's setup hook either: one that brings files needs these processes for that.
    Ray gives an actor the variables of the process that starts it. They can be overridden there but
    not removed: these are empty, and `overrides` says what follows once the process runs.
    """
    return {
        name: ""
        for name in inherited
        if name == SETUP_HOOK or (affects_files(name) and name not in _NEEDED_TO_START)
    }


def overrides(
    inherited: Iterable[str], environment: Environment, own: Mapping[str, str]
) -> dict[str, str | None]:
    """What a worker's process sets, or removes (None), to have this environment.

    Args:
        inherited: names of the variables that the process was started with.
        environment: the one to have.
        own: the variables that the node was started with.
    """
    wanted: dict[str, str | None] = {
        name: own.get(name) for name in inherited if affects_files(name)
    }
    wanted.update((name, _expanded(value, own)) for name, value in environment.variables)
    return wanted


def _expanded(value: str, own: Mapping[str, str]) -> str:
    """Expands `${NAME}` to the node's own variable, or to nothing, as Ray does for tasks."""
    known = _VARIABLE.sub(lambda found: own.get(found[1] or found[2], found[0]), value)
    return _UNKNOWN.sub("", known)


def apply_environment(
    environment: Environment, inherited: Iterable[str], own: Mapping[str, str]
) -> None:
    """Gives this process an environment. Call it before anything reads the variables."""
    for name, value in overrides(inherited, environment, own).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
