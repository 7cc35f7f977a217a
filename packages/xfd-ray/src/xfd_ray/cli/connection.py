"""Connects a command to its Ray cluster; the options are those of `command_parser`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xfd_api.errors import InvalidRequestError
from xfd_ray.cli.own_stdout import own_stdout

AUTO = "auto"
"""Ray's word for RAY_ADDRESS, else the cluster that this machine is part of."""


@contextlib.contextmanager
def connected(options: argparse.Namespace) -> Iterator[None]:
    """Connects this process to the cluster that the options name, for a `with` block.

    Variables on which files depend, keys among them, go to the nodes by method call. The others are
    part of the `runtime_env`, which Ray shows.

    What Ray's threads print goes to stderr meanwhile. A process that is connected already keeps its
    connection.

    Raises:
        ClusterConnectionError: there is no cluster at that address. None is started.
        InvalidRequestError: a variable that `--env` names is not set.
    """
    import ray

    from xfd_ray.cluster.connect import connect_to_ray
    from xfd_ray.cluster.raylet import give
    from xfd_ray.environment import affects_files

    variables = variables_of(options.env, os.environ)
    if (profile := getattr(options, "profile", None)) is not None:
        variables = {**_with_profile(profile), **variables}
    if ray.is_initialized():
        if variables:
            raise InvalidRequestError(
                "--env comes too late: this process is connected to Ray",
                remedy="Give the variables to ray.init, as env_vars of its runtime_env",
            )
        yield
        return
    give({name: value for name, value in variables.items() if affects_files(name)})
    shown = {name: value for name, value in variables.items() if not affects_files(name)}
    arguments: dict[str, Any] = {"runtime_env": {"env_vars": shown}} if shown else {}
    with own_stdout():
        with _signal_handlers_kept():
            connect_to_ray(
                address=options.address or AUTO,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **arguments,
            )
        try:
            yield
        finally:
            ray.shutdown()


def cluster_name() -> str:
    """A name for the cluster that this process is connected to: its address, if Ray says it."""
    import ray

    # Ray Client does not know it.
    address = getattr(ray.get_runtime_context(), "gcs_address", None)
    return address or os.environ.get("RAY_ADDRESS", "")


def variables_of(given: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `--env`; a name alone has its value in `environ`.

    Raises:
        InvalidRequestError: it has none there.

    Example:
        >>> variables_of(["XFD_ROOT=/data", "AWS_PROFILE"], {"AWS_PROFILE": "models"})
        {'XFD_ROOT': '/data', 'AWS_PROFILE': 'models'}
    """
    variables: dict[str, str] = {}
    for each in given:
        name, mark, value = each.partition("=")
        if not mark:
            if name not in environ:
                raise InvalidRequestError(
                    f"--env names {name}, which is not set here",
                    remedy=f"Set it, or write {name}=VALUE",
                )
            value = environ[name]
        variables[name] = value
    return variables


def _with_profile(name: str) -> dict[str, str]:
    """Makes the AWS chain of the nodes use a profile: keys in variables would take precedence."""
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    return {"AWS_PROFILE": name, **dict.fromkeys(keys, "")}


@contextlib.contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Puts this process's handler of SIGTERM back, which `ray.init` replaces."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # Not in the main thread, where none was replaced.
            signal.signal(signal.SIGTERM, handler)
