"""The rows of the table: what is fetched, by whom, and what is held against what."""

from __future__ import annotations

import random
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.dataplane.clients import Client, s5cmd, single_object_clients, xfd
from benchmarks.dataplane.measure import Cost, run
from harness.s3 import S3Server

GIB = 2**30
MIB = 2**20
BUCKET = "bench"
SMALL_FILES = 10_000
SMALL_BYTES = 16 * 1024


class Bench:
    """A server, a folder, and a number of rounds."""

    def __init__(self, server: S3Server, folder: Path, rounds: int) -> None:
        self._server = server
        self._folder = folder
        self._rounds = rounds
        server.make_bucket(BUCKET)

    def one_object(self, gib: int) -> Iterator[str]:
        """Wall, CPU and memory of every client for one object."""
        key = self._make_object(gib)
        costs = self._compare(key, single_object_clients())
        yield f"\n### One object of {gib} GiB ({self._rounds} rounds, medians)"
        yield from _table(costs, gib, "s5cmd")

    def memory(self, gib: int) -> Iterator[str]:
        """Peak anonymous memory of xfd-get by chunk size."""
        key = self._make_object(gib)
        clients = {
            f"chunks of {size}": xfd("--durability", "none", "--chunk-size", size)
            for size in ("8MiB", "100MiB")
        }
        yield f"\n### Memory, one object of {gib} GiB"
        yield from _table(self._compare(key, clients), gib, "chunks of 8MiB")

    def small_files(self) -> Iterator[str]:
        """10,000 objects of 16 KiB below one prefix."""
        body = random.Random(0).randbytes(SMALL_BYTES)
        client = self._server.client

        def put(place: int) -> None:
            client.put_object(Bucket=BUCKET, Key=f"small/{place:05}", Body=body)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(SMALL_FILES)))
        clients = {"xfd-get": xfd("--durability", "none"), "s5cmd": s5cmd}
        costs = self._compare("small/", clients)
        yield f"\n### {SMALL_FILES} objects of {SMALL_BYTES // 1024} KiB"
        yield from _table(costs, SMALL_FILES * SMALL_BYTES / GIB, "s5cmd")

    def _make_object(self, gib: int) -> str:
        key = f"object-{gib}gib.bin"
        listed = self._server.client.list_objects_v2(Bucket=BUCKET, Prefix=key)
        if listed["KeyCount"] == 0:
            file = self._folder / key
            source = random.Random(gib)
            with file.open("wb") as out:
                for _ in range(gib * 64):
                    out.write(source.randbytes(16 * MIB))
            self._server.upload(BUCKET, key, file)
            file.unlink()
        return key

    def _compare(self, key: str, clients: Mapping[str, Client]) -> dict[str, list[Cost]]:
        """Rounds in turn, A B C A B C, after one that is not counted."""
        costs: dict[str, list[Cost]] = {name: [] for name in clients}
        env = {**self._server.environment(), "S3_ENDPOINT_URL": self._server.endpoint}
        for place in range(self._rounds + 1):
            for name, client in clients.items():
                home = self._folder / "into"
                home.mkdir()
                into = home / ("tree" if key.endswith("/") else "file")
                cost = run(client(BUCKET, key, into), env=env)
                shutil.rmtree(home)
                if place > 0:
                    costs[name].append(cost)
                print(f"  {place} {name}: {cost.wall_s:.2f} s", file=sys.stderr, flush=True)
        return costs


def _table(costs: Mapping[str, list[Cost]], gib: float, against: str) -> Iterator[str]:
    yield "| client | wall s | CPU s/GiB | peak anon MiB | wall ratio | CPU ratio |"
    yield "|---|---|---|---|---|---|"
    base = costs[against]
    for name, row in costs.items():
        wall = statistics.median(cost.wall_s for cost in row)
        cpu = statistics.median(cost.cpu_s for cost in row)
        anon = statistics.median(cost.anon_bytes for cost in row) / MIB
        pairs = list(zip(row, base, strict=True))
        wall_ratio = statistics.median(one.wall_s / other.wall_s for one, other in pairs)
        cpu_ratio = statistics.median(one.cpu_s / other.cpu_s for one, other in pairs)
        numbers = f"{wall:.2f} | {cpu / gib:.2f} | {anon:.0f}"
        yield f"| {name} | {numbers} | {wall_ratio:.2f} | {cpu_ratio:.2f} |"
