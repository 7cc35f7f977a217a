"""What of a driver's environment its files depend on: where they land, and with which keys.

A driver gives its tasks variables by the `env_vars` of its `runtime_env`. Those that say where
files lie, who reads the store and by which way are its environment, and a part of its terms:
workers have the environment of the drivers that they work for, and no others. What a driver sets
in its own process alone (`os.environ`) its tasks do not see, and neither do workers: they have what
their node was started with.
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
        *_PROXIES,
        *(name.upper() for name in _PROXIES),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"),
        *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN"),
        *("HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN"),
        *("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"),
    }
)
_PREFIXES = ("AWS_", "AZURE_")
_NEEDED_TO_START = frozenset({"HOME", "XDG_CACHE_HOME"})
_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})")
_UNKNOWN = re.compile(r"\$\{[A-Z0-9_]+\}")


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables by name, sorted; there may be keys among the values, so none is shown."""

    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @staticmethod
    def of(env_vars: Mapping[str, str] | None) -> Environment:
        """Those of a `runtime_env`'s variables that matter.

        Raises:
            InvalidRequestError: `XFD_ROOT` is relative.
        """
        known = {name: value for name, value in (env_vars or {}).items() if affects_files(name)}
        named = known.get("XFD_ROOT")
        if named and "$" not in named:
            checked_root(named, what="XFD_ROOT of the runtime_env")
        return Environment(tuple(sorted(known.items())))


NODE_ENVIRONMENT = Environment()
"""Of a driver without `env_vars`: workers have what their nodes were started with."""


def affects_files(name: str) -> bool:
    """Whether files depend on a variable of this name."""
    return name in _NAMES or name.startswith(_PREFIXES)


def blanked(inherited: Iterable[str]) -> dict[str, str]:
    """Variables that a new process is started with, so that it has nobody's environment.

    Ray gives an actor the variables of whoever starts it, and keeps what an actor is started with.
    A variable can be overridden and not removed: see `overrides` for what follows.
    """
    return {name: "" for name in inherited if affects_files(name) and name not in _NEEDED_TO_START}


def overrides(
    inherited: Iterable[str], environment: Environment, own: Mapping[str, str]
) -> dict[str, str | None]:
    """What a worker's process has to set, and (None) to remove, to have these environment.

    Args:
        inherited: names of variables that came with whoever started the process.
        environment: those to have.
        own: what the node was started with.
    """
    wanted: dict[str, str | None] = {
        name: own.get(name) for name in inherited if affects_files(name)
    }
    wanted.update((name, _expanded(value, own)) for name, value in environment.variables)
    return wanted


def _expanded(value: str, own: Mapping[str, str]) -> str:
    """As Ray does it for tasks: `${NAME}` is the node's own variable, or nothing."""
    known = _VARIABLE.sub(lambda found: own.get(found[1] or found[2], found[0]), value)
    return _UNKNOWN.sub("", known)


def apply(environment: Environment, inherited: Iterable[str], own: Mapping[str, str]) -> None:
    """Gives this process these environment; to be called before anything reads them."""
    for name, value in overrides(inherited, environment, own).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
