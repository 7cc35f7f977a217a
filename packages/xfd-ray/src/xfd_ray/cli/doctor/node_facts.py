"""What a node says about itself; these functions run there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xfd_api.paths import hub_cache, root
from xfd_api.stores import StoreKind
from xfd_ray.cli.doctor.credentials import credentials_of
from xfd_ray.worker.disk import disk_room

FICLONE = 0x40049409
"""The ioctl that makes a file share another one's blocks (linux/fs.h)."""

SYNCED_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The disk below a folder.

    Attributes:
        folder: relative destinations lie below it.
        free_bytes: for files of this user.
        size_bytes: of the file system.
        kind: of the file system, such as ext4; empty if it is not known.
        problem: why no file can be written there; empty if one can. The rest is then unknown.
        has_reflinks: whether two files can share blocks.
        sync_s: seconds that it takes to write and sync one MiB.
        device: a number of the file system.
    """

    folder: str
    free_bytes: int = 0
    size_bytes: int = 0
    kind: str = ""
    problem: str = ""
    has_reflinks: bool = False
    sync_s: float = 0.0
    device: int = 0


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What one node says about itself.

    Attributes:
        root: the disk of relative destinations.
        hub_cache: that of the hub cache.
        credentials: where each store's own chain would take credentials from.
    """

    root: DiskFacts
    hub_cache: DiskFacts
    credentials: Mapping[StoreKind, str | None]


def packages_there() -> Callable[[], dict[str, str]]:
    """A function that returns the versions of packages on a node, also on one without xfd."""

    # A local function travels by value, so the node need not have this module.
    def versions() -> dict[str, str]:
        import importlib.metadata
        import platform

        found = {"python": platform.python_version(), "machine": platform.machine()}
        for name in ("ray", "xfd-api", "xfd-scheduler", "xfd-dataplane", "xfd-ray"):
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found[name] = ""
        return found

    return versions


def clock() -> float:
    """The node's time of day, in seconds since 1970."""
    return time.time()


def node_facts() -> NodeFacts:
    """Looks at this node. Writes two small files below its folders, and removes them again."""
    return NodeFacts(
        disk_facts(root()), disk_facts(hub_cache()), credentials_of(os.environ, Path.home())
    )


def disk_facts(folder: Path) -> DiskFacts:
    """Looks at the disk below a folder, which is made for this if it is not there."""
    named = str(folder)
    try:
        room = disk_room(named)
        with _made(folder), tempfile.TemporaryDirectory(prefix=".xfd-doctor-", dir=folder) as own:
            one, two = Path(own, "one"), Path(own, "two")
            sync_s = _write_synced(one)
            return DiskFacts(
                named,
                room.free_bytes,
                room.size_bytes,
                _file_system(folder, Path("/proc/self/mountinfo").read_text()),
                has_reflinks=_shares_blocks(one, two),
                sync_s=sync_s,
                device=one.stat().st_dev,
            )
    except OSError as error:
        return DiskFacts(named, problem=error.strerror or str(error))


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Makes a folder and those above it for a block, and removes what it made."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for each in missing:
            with contextlib.suppress(OSError):  # Somebody has put something there meanwhile.
                each.rmdir()


def _write_synced(path: Path) -> float:
    began = time.monotonic()
    with path.open("wb") as file:
        file.write(bytes(SYNCED_BYTES))
        file.flush()
        os.fdatasync(file.fileno())
    return time.monotonic() - began


def _shares_blocks(one: Path, two: Path) -> bool:
    with one.open("rb") as source, two.open("wb") as target:
        try:
            fcntl.ioctl(target.fileno(), FICLONE, source.fileno())
        except OSError:
            return False
    return True


def _file_system(folder: Path, mounts: str) -> str:
    r"""The kind of the file system of a folder, by the lines of /proc/self/mountinfo.

    Example:
        >>> mounts = "22 1 8:1 / / rw - ext4 /dev/a rw\n31 22 0:5 / /data rw - xfs /dev/b rw"
        >>> _file_system(Path("/data/xfd"), mounts)
        'xfs'
    """
    best, kind = 0, ""
    real = str(folder.resolve()) + "/"
    for line in filter(None, mounts.split("\n")):  # Names have other line breaks as they are.
        before, _, after = line.partition(" - ")
        point = before.split()[4].replace("\\040", " ")
        if real.startswith(point.rstrip("/") + "/") and len(point) >= best:
            best, kind = len(point), after.split()[0]
    return kind
