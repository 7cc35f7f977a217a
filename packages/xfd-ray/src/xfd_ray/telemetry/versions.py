"""The handshake: nodes of one swarm run the same versions of the xfd packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from xfd_api.errors import VersionMismatchError

PACKAGES = ("xfd_api", "xfd_scheduler", "xfd_dataplane", "xfd_ray")


def installed_versions() -> dict[str, str | None]:
    """Returns the version of each xfd package in this process; None if it cannot be imported."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = str(import_module(package).__version__)
        except ImportError:
            versions[package] = None
    return versions


def check_versions(
    ours: Mapping[str, str | None], theirs: Mapping[str, str | None], *, node: str
) -> None:
    """Compares the versions of a node with those of the coordinator.

    Raises:
        VersionMismatchError: a package is missing or differs; names the node and each such package.
    """
    differences = [
        f"{package} is {theirs[package]} instead of {wanted or 'missing at the coordinator'}"
        if theirs.get(package)
        else f"{package} is missing"
        for package, wanted in ours.items()
        if theirs.get(package) != wanted or wanted is None
    ]
    if differences:
        raise VersionMismatchError("; ".join(differences), node=node, remedy=remedy(ours))


def remedy(versions: Mapping[str, str | None]) -> str:
    """What to do about a node that does not have these versions."""
    wanted = versions.get("xfd_ray")
    requirement = f"xfd-ray=={wanted}" if wanted else "xfd-ray"
    return (
        f"Install {requirement} on every node, or have Ray do it: "
        f'ray.init(runtime_env={{"pip": ["{requirement}"]}})'
    )
