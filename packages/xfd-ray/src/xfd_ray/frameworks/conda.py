"""Actors and tasks that run in a conda environment which conda-pack packed."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

import ray
from ray.runtime_env import RuntimeEnv

from xfd_api.errors import CondaUnpackError, InvalidRequestError, VersionMismatchError, XfdError
from xfd_api.ids import NodeId
from xfd_api.paths import checked_destination, local_path
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.requests import DownloadRequest, Links, ObjectDownloadRequest, UnpackOptions
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.cluster.each_node import on_each_node
from xfd_ray.distribute import Distribution
from xfd_ray.options import DistributionOptions

_ROOT = "${XFD_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/xfd}"
"""A node's root in the words of a shell, which starts Ray's workers. See `xfd_api.root`."""

_FACTS = """
import json, sys
from importlib import metadata
try:
    ray = metadata.version("ray")
except metadata.PackageNotFoundError:
    ray = None
print(json.dumps([list(sys.version_info[:3]), ray]))
"""

_FACTS_WITHIN_S = 30.0
"""Time for an interpreter to start and to name its Ray."""


class Environment(NamedTuple):
    """An environment on a node: its folder there, its Python, and its Ray."""

    folder: str
    python: tuple[int, ...]
    ray: str | None


def environment(
    uri: str,
    destination: Path | str,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    profile_name: str | None = None,
    keep_archive: bool = True,
    links: Links | Literal["safe", "keep"] = Links.Safe,
    options: DistributionOptions | None = None,
) -> dict[str, Any]:
    """Brings a packed conda environment to the nodes; returns a `runtime_env` that runs in it.

    The archive leaves its store once. On each node it is unpacked, and its own `conda-unpack` gives
    it its prefix, before the tree gets its name. A node that has it already waits for milliseconds.

    Give what is returned to an actor or a task, not to `ray.init`: Ray needs the files before it
    starts a process. Nodes that join later have no environment; call this again for them.
    In a program with a `setup_hook`, the environment has to have xfd-ray too.

    Args:
        uri: the archive that `conda-pack` made: tar.gz, tar.zst, tar or zip. The environment has
            the cluster's Python (3.X) and its Ray.
        destination: the folder of the environment; a relative one lies under each node's root. The
            archive is beside it, with the ending `.packed`.
        object_store_config: see `xfd_ray.download_distributed`.
        profile_name: see `ObjectDownloadRequest`.
        keep_archive: whether the archive stays on the nodes, so that they can serve others.
        links: see `UnpackOptions`.
        options: how it is distributed, and to which nodes; by default to all.

    Returns:
        `{"py_executable": ...}`.

    Raises:
        InvalidRequestError: this Ray is older than 2.43, and gives a process no Python of its own.
        CondaUnpackError: the archive is not of conda-pack, or its interpreter does not start.
        VersionMismatchError: it has another Python or Ray than the cluster, or no Ray.
        XfdError: see `xfd_ray.download_distributed`.

    Example:
        >>> import ray
        >>> from xfd_ray.frameworks import conda
        >>> @ray.remote
        ... class Model:
        ...     def __init__(self):
        ...         import torch
        >>> # env = conda.environment("s3://my-envs/torch.tar.gz", "envs/torch")
        >>> # model = Model.options(runtime_env=env).remote()
    """
    _check_ray()
    folder = checked_destination(destination)
    unpacking = UnpackOptions(
        Path(folder), keep_archive=keep_archive, links=links, conda_unpack=True
    )
    request = ObjectDownloadRequest(
        uri, Path(f"{folder}.packed"), unpack_options=unpacking, profile_name=profile_name
    )
    chosen = options or DistributionOptions()
    report = Distribution(
        DownloadRequest(request), object_store_config, **chosen.as_arguments()
    ).once()
    nodes = [node for node in report.nodes if node.state == "done"]
    for node, found in on_each_node(look_at, folder, nodes=[nodes[0].node]).items():
        check(node, found)
    return {"py_executable": executable(folder, {node.root for node in nodes})}


def _check_ray() -> None:
    """Refuses a Ray that would ignore the environment, with no more than a warning."""
    if "py_executable" not in RuntimeEnv.known_fields:
        raise InvalidRequestError(
            f"Ray {ray.__version__} cannot run an actor with another Python",
            remedy="Use Ray 2.43 or later",
        )


def look_at(destination: str) -> Environment:
    """What an environment on this node is; runs on a node.

    Raises:
        CondaUnpackError: its interpreter does not start.
    """
    folder = local_path(destination)
    python = str(folder / "bin" / "python")
    try:
        said = subprocess.run(
            [python, "-I", "-B", "-c", _FACTS],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_FACTS_WITHIN_S,
        )
        version, ray_version = json.loads(said.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        words = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise CondaUnpackError(
            f"The environment's Python does not start: {words[-1] if words else error}", path=python
        ) from None
    return Environment(str(folder), tuple(version), ray_version)


def check(node: NodeId, found: Environment | XfdError) -> None:
    """Refuses an environment in which the cluster's workers cannot run."""
    if isinstance(found, XfdError):
        raise found
    wanted = ".".join(map(str, sys.version_info[:2]))
    python = ".".join(map(str, found.python))
    if found.python[:2] != sys.version_info[:2]:
        raise VersionMismatchError(
            f"The environment has Python {python}, and the cluster Python {wanted}",
            path=found.folder,
            node=node,
            remedy=f"Pack an environment with Python {wanted}",
        )
    ray_wanted = importlib.metadata.version("ray")
    if found.ray != ray_wanted:
        has = "no Ray" if found.ray is None else f"Ray {found.ray}"
        raise VersionMismatchError(
            f"The environment has {has}, and the cluster Ray {ray_wanted}",
            path=found.folder,
            node=node,
            remedy=f"Install ray=={ray_wanted} into it before you pack it",
        )


def executable(destination: str, roots: set[str]) -> str:
    """The interpreter, in the words of the shell that starts Ray's workers.

    Nodes whose roots differ need the variable, which each of them has for itself.

    Example:
        >>> executable("envs/torch", {"/data/xfd"})
        '/data/xfd/envs/torch/bin/python'
    """
    python = PurePosixPath(destination, "bin", "python")
    if python.is_absolute() or len(roots) == 1:
        return shlex.quote(str(PurePosixPath(min(roots), python)))
    return f'"{_ROOT}"/{shlex.quote(str(python))}'
