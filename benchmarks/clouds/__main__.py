"""Measures what origins cost the client: processor time of reading and dropping bytes.

Each contender is a process of its own that lists a prefix and reads it in ranges of 8 MiB, 32 at a
time. Rounds run in turn, after one that is not counted; the server is not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dataplane.measure import Cost, run
from xfd_testing import artifacts, azurite, gcs, s3

ROOT = Path(__file__).parents[2]
CRATES = ROOT / "packages" / "xfd-dataplane"
CLIENT = Path(__file__).with_name("object_store_client")
BUCKET = "bench"
MIB = 2**20


@dataclass(frozen=True)
class Store:
    """One server with the objects.

    Attributes:
        arguments: kind, endpoint and bucket, as both clients take them.
        keys: the pair that opens it.
        put: writes one object.
    """

    arguments: tuple[str, str, str]
    keys: tuple[str, str]
    put: Callable[[str, bytes], None]


@contextmanager
def _s3() -> Iterator[Store]:
    with s3.running() as server:
        server.make_bucket(BUCKET)
        owner = server.owner
        keys = (owner.access_key_id, owner.secret_access_key)
        yield Store(
            ("s3", server.endpoint, BUCKET), keys, lambda key, body: server.put(BUCKET, key, body)
        )


@contextmanager
def _gcs() -> Iterator[Store]:
    with gcs.running() as server:
        server.make_bucket(BUCKET)
        yield Store(
            ("gcs", server.endpoint, BUCKET),
            ("-", "-"),
            lambda key, body: server.put(BUCKET, key, body),
        )


@contextmanager
def _azure() -> Iterator[Store]:
    with azurite.running() as server:
        server.make_container(BUCKET)
        yield Store(
            ("azure", server.endpoint, BUCKET),
            (server.account, server.key),
            lambda key, body: server.put(BUCKET, key, body),
        )


STORES = {"s3": _s3, "gcs": _gcs, "azure": _azure}


def _built(folder: Path, *options: str) -> Path:
    """Builds for release, without the checks of tests; the folder of what was built."""
    subprocess.run(["cargo", "build", "--release", *options], cwd=folder, check=True)
    default = folder / "target"
    return Path(os.environ.get("CARGO_TARGET_DIR", default)) / "release"


def main() -> None:
    """Prints medians by store, shape and contender, and ratios to xfd on the first store."""
    parser = argparse.ArgumentParser(prog="benchmarks.clouds", description=__doc__)
    parser.add_argument("stores", nargs="*", metavar="STORE", help=f"of {', '.join(STORES)}")
    parser.add_argument("--rounds", type=int, default=5, help="that are counted (default: 5)")
    parser.add_argument("--large", type=int, default=4, help="objects of 256 MiB (default: 4)")
    parser.add_argument("--whole", action="store_true", help="one object of 1 GiB instead")
    parser.add_argument("--small", type=int, default=10_000, help="objects of 16 KiB")
    options = parser.parse_args()
    ours = _built(CRATES, "--workspace", "--example", "read_origin") / "examples" / "read_origin"
    theirs = _built(CLIENT) / "object-store-client"
    large = (1, 1024 * MIB) if options.whole else (options.large, 256 * MIB)
    shapes = {"large": large, "small": (options.small, 16 * 1024)}
    with ExitStack() as stack:
        stores = [stack.enter_context(STORES[name]()) for name in options.stores or STORES]
        for shape, (count, size) in shapes.items():
            body = b"".join(artifacts.random_bytes(size, seed=count))
            for store in stores:
                for number in range(count):
                    store.put(f"{shape}/{number}", body)
            programs = {"xfd": ours, "object_store": theirs}
            _measure(stores, shape, f"{count} x {size // 1024} KiB", programs, options.rounds)


def _measure(
    stores: list[Store], shape: str, objects: str, programs: dict[str, Path], rounds: int
) -> None:
    """Runs every program on every store in turn, and prints medians."""
    costs: dict[tuple[str, str], list[Cost]] = {}
    for number in range(rounds + 1):
        for store in stores:
            for name, program in programs.items():
                cost = run([str(program), *store.arguments, shape, *store.keys], env={})
                if number:
                    costs.setdefault((store.arguments[0], name), []).append(cost)
    base = statistics.median(cost.cpu_s for cost in next(iter(costs.values())))
    print("| store | objects | contender | CPU s, median (min - max) | wall s | ratio of CPU |")
    print("|---|---|---|---|---|---|")
    for (kind, name), measured in costs.items():
        cpu = [cost.cpu_s for cost in measured]
        median = statistics.median(cpu)
        wall = statistics.median(cost.wall_s for cost in measured)
        print(
            f"| {kind} | {objects} | {name} | {median:.2f} ({min(cpu):.2f} - {max(cpu):.2f}) "
            f"| {wall:.2f} | {median / base:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
