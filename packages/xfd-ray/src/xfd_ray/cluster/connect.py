"""Connects this process to Ray, if it is not connected, and explains why that failed."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from typing import Any

import ray
from ray import exceptions as ray_errors

from xfd_api.errors import ClusterConnectionError
from xfd_ray.cluster.errors import last_words
from xfd_ray.cluster.forks import check_not_forked

LISTENS_S = 10.0
"""How long the cluster's address may take to accept a connection, in seconds."""

_HOST_AND_PORT = re.compile(r"(?:ray://)?([^/:\s]+|\[[^/\s]+\]):(\d{1,5})")

AUTH_SOURCES = "RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"


def connect_to_ray(**arguments: Any) -> None:
    """Connects as `ray.init(**arguments)` does, unless this process is connected.

    Raises:
        ClusterConnectionError: there is no cluster at Ray's address, or it asks for a token that
            this process does not have.
        InvalidRequestError: this process was forked from one that is connected.
    """
    check_not_forked()
    if ray.is_initialized():
        return
    _check_listening(arguments.get("address") or os.environ.get("RAY_ADDRESS", ""))
    try:
        ray.init(**arguments)
    except (ConnectionError, ray_errors.RayError) as error:
        raise connection_error(error, os.environ) from error


def _check_listening(address: str) -> None:
    """Refuses an address that nobody listens at; Ray would try for ten minutes.

    Raises:
        ClusterConnectionError: there is nobody.
    """
    named = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    found = _HOST_AND_PORT.fullmatch(named)
    if found is None:
        return
    try:
        socket.create_connection((found[1].strip("[]"), int(found[2])), LISTENS_S).close()
    except OSError as error:
        raise ClusterConnectionError(
            f"Nobody listens at {named}, the address of the Ray cluster: {error.strerror or error}",
            remedy="Check the address, RAY_ADDRESS, and that the cluster is up",
        ) from error


def connection_error(error: BaseException, environ: Mapping[str, str]) -> ClusterConnectionError:
    """Turns Ray's refusal to connect into an error of xfd. Pure.

    A cluster that asks for a token does not answer a process without one. Ray says so only on
    standard error, and raises the same error as for a cluster that is not there.
    """
    has_mode = environ.get("RAY_AUTH_MODE", "").lower() == "token"
    if has_mode and "token" in type(error).__name__.lower() + str(error).lower():
        return ClusterConnectionError(
            "Ray asks for a token (RAY_AUTH_MODE is token), and this process has none",
            remedy=f"Give it the cluster's token in {AUTH_SOURCES}",
        )
    token = (
        f"compare the token in {AUTH_SOURCES} with the cluster's"
        if has_mode
        else "if the cluster asks for a token, set RAY_AUTH_MODE=token and give its token in "
        + AUTH_SOURCES
    )
    return ClusterConnectionError(
        f"No connection to the Ray cluster: {last_words(error)}",
        remedy=f"Check RAY_ADDRESS, and that the cluster is up; {token}",
    )
