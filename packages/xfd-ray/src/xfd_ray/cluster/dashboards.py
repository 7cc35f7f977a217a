"""Installs the dashboard on the head node, where Ray's own dashboards are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import ray

from xfd_api.errors import XfdError
from xfd_api.node_selector import NodeSelector
from xfd_ray.cluster.each_node import on_each_node
from xfd_ray.dashboards.install import Installed, into_session
from xfd_ray.placement import HEAD_RESOURCE


def install_on_head() -> Installed:
    """Copies the dashboard and the rules into the folders of the running session of Ray.

    Raises:
        InvalidRequestError: Ray's dashboard does not run, so there are no such folders.
        DestinationNotWritableError: they cannot be written.
        NodeUnavailableError: the head node does not answer.
        VersionMismatchError: it has other versions of the xfd packages, or lacks them.
    """
    head = NodeSelector(resources={HEAD_RESOURCE: 0.001})
    (answer,) = on_each_node(_install, nodes=head).values()
    if isinstance(answer, XfdError):
        raise answer
    return answer


def _install() -> Installed:
    context = ray.get_runtime_context()
    # Older Rays tell neither.
    folder = getattr(context, "get_temp_dir", lambda: Path(tempfile.gettempdir(), "ray"))()
    name = getattr(context, "get_session_name", lambda: "session_latest")()
    return into_session(Path(folder, name), os.environ)
