"""What the control of a distribution costs beside its bytes: `nox -s bench -- control`.

Warm calls without a rate limit, on nodes of this host whose disks are in memory. Prints processor
seconds by role for each GiB delivered, the coordinator's time for each chunk and node, and peaks of
memory. `--old REVISION` runs the packages of that revision in turn with the present ones, with the
native part of these. `--mib 0 --objects 100000 --size 4096` brings small objects.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.control import processes
from xfd_dataplane import _native
from xfd_testing import artifacts, s3
from xfd_testing.ray_cluster import MIB, running

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "control"
BUCKET = "control"
GIB = 2**30
SOURCES = ("xfd-api/src", "xfd-scheduler/src", "xfd-dataplane/python", "xfd-ray/src")
TITLES = (
    "packages",
    "wall s",
    "workers (kernel)",
    "coordinator",
    "driver",
    "Ray",
    "beside workers",
    "coordinator ms per chunk and node",
    "peak MiB: worker, coordinator, driver",
)


def main() -> None:
    options = _parser().parse_args()
    builds: dict[str, str] = {}
    if options.old:
        builds[options.old] = checked_out(options.old)
    builds["present"] = ""
    calls: dict[str, list[dict[str, Any]]] = {name: [] for name in builds}
    with tmpfs() as folder, s3.running() as server:
        fill(server, folder, options)
        if options.objects:
            print(f"one s5cmd: {s5cmd_s(server, folder):.2f} s", flush=True)
        for _ in range(options.rounds):
            for name, path in builds.items():
                calls[name] += measure(server, folder, path, options)
    print(f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}")
    for name, made in calls.items():
        print(row(name, made), flush=True)


def measure(
    server: s3.S3Server, folder: Path, path: str, options: argparse.Namespace
) -> list[dict[str, Any]]:
    """The calls of one driver on a cluster of its own."""
    paths = os.pathsep.join(part for part in (path, str(ROOT)) if part)
    env = {**server.environment(), "PYTHONPATH": paths}
    with running(1, env=env, folder=folder) as cluster:
        for _ in range(options.nodes - 1):  # One by one: Ray gives a node 30 s to start.
            cluster.add_node()
        command = [sys.executable, "-m", "benchmarks.control.driver", BUCKET, str(os.getpid())]
        command += ["--calls", str(options.calls), "--options", options.options]
        command += ["--roots", *map(str, cluster.roots)]
        env["RAY_ADDRESS"] = cluster.address
        ran = subprocess.run(
            command,
            env={**os.environ, **env},
            cwd=folder,  # In the repository, its packages would come before those of `path`.
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    calls = [json.loads(line) for line in ran.stdout.splitlines()]
    for call in calls:
        print(json.dumps(call), file=sys.stderr, flush=True)
    return calls


def row(name: str, calls: Sequence[dict[str, Any]]) -> str:
    """A line of the table: medians of the calls, processor seconds for each GiB delivered."""

    def median(of: Any) -> float:
        return statistics.median(map(of, calls))

    def per_gib(role: str, part: int = 0) -> float:
        return median(lambda call: call["used"].get(role, (0.0, 0.0))[part] / gib_of(call))

    def beside(call: dict[str, Any]) -> float:
        roles = (processes.COORDINATOR, processes.RAY)
        return (call["driver_s"] + sum(call["used"][role][0] for role in roles)) / gib_of(call)

    per_chunk = median(lambda c: c["used"][processes.COORDINATOR][0] / max(1, c["chunks"]))
    peaks = [
        median(lambda c, r=r: c[f"{r}_peak"] / MIB) for r in ("worker", "coordinator", "driver")
    ]
    cells = (
        name,
        f"{median(lambda call: call['wall_s']):.2f}",
        f"{per_gib(processes.WORKERS):.2f} ({per_gib(processes.WORKERS, 1):.2f})",
        f"{per_gib(processes.COORDINATOR):.3f}",
        f"{median(lambda call: call['driver_s'] / gib_of(call)):.3f}",
        f"{per_gib(processes.RAY):.3f}",
        f"{median(beside):.3f}",
        f"{1000 * per_chunk:.2f}",
        ", ".join(f"{peak:.0f}" for peak in peaks),
    )
    return f"| {' | '.join(cells)} |"


def gib_of(call: dict[str, Any]) -> float:
    """GiB delivered to all nodes together."""
    return float(call["bytes"]) / GIB


def fill(server: s3.S3Server, folder: Path, options: argparse.Namespace) -> None:
    """Makes the set of the calls, and the one that starts the workers."""
    server.make_bucket(BUCKET)
    server.put(BUCKET, "warm/one", b"".join(artifacts.random_bytes(MIB, seed=1)))
    made = folder / "made"
    if options.mib:
        server.upload(
            BUCKET, "set/weights", artifacts.weights_file(made / "weights", options.mib * MIB)
        )
    else:
        made.mkdir()
        body = b"".join(artifacts.random_bytes(options.size, seed=2))
        for place in range(options.objects):
            (made / f"{place:06}").write_bytes(body)
        s5cmd(server, "cp", f"{made}/", f"s3://{BUCKET}/set/")
    shutil.rmtree(made)


def s5cmd_s(server: s3.S3Server, folder: Path) -> float:
    """Seconds that one s5cmd takes for the set."""
    began = time.time()
    s5cmd(server, "cp", f"s3://{BUCKET}/set/*", f"{folder}/floor/")
    took = time.time() - began
    shutil.rmtree(folder / "floor")
    return took


def s5cmd(server: s3.S3Server, *arguments: str) -> None:
    program = str(Path(sys.executable).with_name("s5cmd"))
    env = {**os.environ, **server.environment(), "S3_ENDPOINT_URL": server.endpoint}
    subprocess.run([program, *arguments], env=env, check=True, stdout=subprocess.DEVNULL)


def checked_out(revision: str) -> str:
    """A path for Python with the packages of a revision, beside the native part of the present."""
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run(
        [*git, "rev-parse", revision], check=True, capture_output=True, text=True
    ).stdout.strip()
    folder = KEPT / name
    if not folder.exists():
        folder.mkdir(parents=True)
        packages = [f"packages/{each}" for each in SOURCES]
        archive = [*git, "archive", name, *packages]
        made = subprocess.run(archive, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=made, check=True)
    native = Path(_native.__file__)
    shutil.copy(native, folder / "packages/xfd-dataplane/python/xfd_dataplane" / native.name)
    return os.pathsep.join(str(folder / "packages" / each) for each in SOURCES)


@contextmanager
def tmpfs() -> Iterator[Path]:
    """A folder in memory, for the length of a block; needs root."""
    folder = Path(tempfile.mkdtemp(prefix="xfd-"))
    subprocess.run(["mount", "-t", "tmpfs", "xfd-bench", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nox -s bench -- control",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--nodes", type=int, default=4)
    add("--mib", type=int, default=1024, help="size of the one object; 0 for small ones")
    add("--objects", type=int, default=0, help="number of small objects")
    add("--size", type=int, default=4096, help="bytes of each of them")
    add("--rounds", type=int, default=2, help="clusters of each revision, in turn")
    add("--calls", type=int, default=3, help="on each cluster")
    add("--old", metavar="REVISION", help="run this revision in turn with the present packages")
    add("--options", default="{}", metavar="JSON", help="of download_distributed")
    return parser


if __name__ == "__main__":
    main()
