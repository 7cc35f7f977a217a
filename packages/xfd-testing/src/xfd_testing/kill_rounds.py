"""Rounds of one distribution in which something is killed at a random moment."""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import xfd_ray
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts
from xfd_testing.actors import end_coordinator
from xfd_testing.drivers import Once, big_object
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server
from xfd_testing.slow_link import slow_link

MIB = 2**20
SIZE = 48 * MIB
SLOW_BYTES_PER_S = 16 * MIB
DEADLINE_S = 80.0

CHUNK = MIB
PARALLEL = 4
SEED = 21


@dataclass(frozen=True)
class Stage:
    """A bucket with the object `big`, behind a slow link, and the nodes that want it."""

    cluster: RayCluster
    server: S3Server
    bucket: str
    endpoint: str
    rounds: int
    seed: int

    def distribute(
        self, act: Callable[[], object] = lambda: None, moment: float = 1.0
    ) -> DistributionReport:
        """One call, in the middle of which something is done.

        Args:
            act: what is done.
            moment: the share of the bytes that has arrived by then; below 0, so many tens of
                seconds after the call began.
        """
        acting = Once(act, past=moment)
        timer = threading.Timer(-10 * moment, act)
        if moment < 0:
            timer.start()
        try:
            return xfd_ray.download_distributed(
                big_object(self.bucket),
                ObjectStoreConfig.make_for_s3(self.bucket, endpoint=self.endpoint),
                chunk_size_bytes=CHUNK,
                node_parallelism=PARALLEL,
                deadline_s=DEADLINE_S,
                on_progress=acting if moment >= 0 else None,
            )
        finally:
            timer.cancel()

    def held(self, act: Callable[[], object], moment: float) -> xfd_ray.distribution:
        """The same, with the lease open for the length of a block."""
        return xfd_ray.distribution(
            big_object(self.bucket),
            ObjectStoreConfig.make_for_s3(self.bucket, endpoint=self.endpoint),
            chunk_size_bytes=CHUNK,
            node_parallelism=PARALLEL,
            on_progress=Once(act, past=moment),
        )

    def moments(self, name: str) -> Iterator[tuple[random.Random, float]]:
        """For each round its random numbers, and the moment in its call.

        Half of the rounds start the workers; the others find those of the round before. After each
        one the files of all living nodes are compared, and removed.
        """
        for number in range(self.rounds):
            chance = random.Random(f"{self.seed} {name} {number}")
            print(f"{name}, round {number}", flush=True)
            if chance.random() < 0.5:
                end_coordinator()
            yield chance, chance.uniform(-0.25, 1)
            self.check_files()
            self.forget()

    def check_files(self) -> None:
        """Each living node has the object, whole, and nothing half written."""
        wanted = content_sum()
        for node in self.cluster.nodes:
            if node.alive:
                folder = node.root / self.bucket
                assert artifacts.sha256(folder / "big") == wanted, node.name
                names = {path.name for path in folder.iterdir()}
                assert names <= {"big", ".big.xfd", ".big.xfd-lock"}, (node.name, names)

    def forget(self) -> None:
        """Removes what a round has left."""
        for root in self.cluster.roots:
            shutil.rmtree(root / self.bucket, ignore_errors=True)


@contextmanager
def stage_of(
    cluster: RayCluster,
    server: S3Server,
    bucket: str,
    rounds: int,
    seed: int,
    bytes_per_s: float = SLOW_BYTES_PER_S,
) -> Iterator[Stage]:
    """A stage, with its object and its link, for the length of a block."""
    server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=SEED)))
    with slow_link(server.endpoint, bytes_per_s) as endpoint:
        stage = Stage(cluster, server, bucket, endpoint, rounds, seed)
        yield stage
        stage.forget()


@dataclass
class Seen:
    """What the rounds showed: what the store sent, as a multiple of the object.

    Attributes:
        stricken: how many nodes lose what is on its way to them.
    """

    stricken: int
    killed: int = 0
    amplifications: list[float] = field(default_factory=list)

    def note(self, *, killed: bool, sent_bytes: int) -> None:
        """Adds a round. Nothing is sent again but what was on its way."""
        self.killed += killed
        self.amplifications.append(sent_bytes / SIZE)
        in_flight = self.stricken * PARALLEL * CHUNK
        assert sent_bytes <= SIZE + in_flight, (sent_bytes / SIZE, self.figure())

    def figure(self) -> str:
        """As the table has it."""
        middle, most = statistics.median(self.amplifications), max(self.amplifications)
        rounds = f"{len(self.amplifications)} rounds, {self.killed} of which hit it at work"
        return f"{rounds}: amplification {middle:.3f} in the median, {most:.3f} at most"


def kill_all(pids: Iterable[int]) -> bool:
    """Kills these processes; whether one of them was there."""
    killed = False
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed = True
    return killed


def raylets(root: Path) -> list[int]:
    """Process ids of the raylet of the node with this root."""
    wanted = f"XFD_ROOT={root}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It ended meanwhile.
            program = (process / "cmdline").read_bytes().split(b"\0")[0]
            if program.endswith(b"/raylet") and wanted in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def content_sum() -> str:
    """SHA-256 of the object."""
    return artifacts.sha256_of(artifacts.random_bytes(SIZE, seed=SEED))
