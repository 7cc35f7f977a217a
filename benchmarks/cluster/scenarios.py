"""The scenarios: what is distributed over which links, and the goals for its time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xfd_testing.bed.bed import DISK, MEMORY

MIB = 2**20

Work = Literal["distribute", "cached", "shared", "idle"]
"""distribute: bring the set to every node. cached: the same once more, timed the second time.
shared: two drivers at once, half of each one's objects wanted by the other as well. idle: nothing
is moved, the workers are up."""

Unit = Literal["floors", "seconds"]


@dataclass(frozen=True, slots=True)
class Goals:
    """How long xfd may take; None if nothing is promised.

    Attributes:
        warm: with the workers of an earlier call.
        cold: the first call on a Ray cluster that is up.
        unit: times the floor; or seconds, when cold beyond those that Ray takes to start an empty
            actor on each node.
        slow: a slow node's seconds, in floors of its own link; `warm` and `cold` are then about
            the other nodes.
        like: at most this factor of our own time in another scenario, and its name.
        of_each: at most this factor of the time of one s5cmd on each node.
        worker_cpu: processor seconds of all workers for each GiB that a node gets.
        late: at most this factor of the floor of nodes that begin late.
    """

    warm: float | None = None
    cold: float | None = None
    unit: Unit = "floors"
    slow: float | None = None
    like: tuple[float, str] | None = None
    of_each: float | None = None
    worker_cpu: float | None = None
    late: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table.

    Attributes:
        name: as the command line names it.
        nodes: hosts that want the files.
        mbit: rate of each host's link, both ways; 0 for no limit but the processors.
        files: number of objects; more than one are a prefix.
        size: bytes of each object.
        s3_mbit: rate of the object store's link; None for the hosts'.
        slow: rates of hosts that differ.
        unpack: the object is a tar.gz which is unpacked.
        work: what is done with it.
        late_s: so many seconds later than the driver's host the others begin to want it.
        disks: where the hosts' files are.
    """

    name: str
    nodes: int
    mbit: int
    files: int
    size: int
    s3_mbit: int | None = None
    slow: tuple[tuple[str, int], ...] = ()
    unpack: bool = False
    work: Work = "distribute"
    late_s: float = 0.0
    disks: Path = DISK
    goals: Goals = Goals()

    @property
    def total_bytes(self) -> int:
        """Bytes of the catalog."""
        return self.files * self.size

    @property
    def delivered_gib(self) -> float:
        """What all nodes get together, in GiB."""
        return self.nodes * self.total_bytes / 2**30

    @property
    def is_small(self) -> bool:
        """Whether a request's overhead counts: its objects are below 8 MiB."""
        return self.size < 8 * MIB

    def keys_of(self, driver: int) -> list[int] | None:
        """The objects that one of two drivers wants, two thirds each; None for all."""
        if self.work != "shared":
            return None
        third = self.files // 3
        return list(range(driver * third, (driver + 2) * third))


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("4-nodes", 4, 400, 1, 512 * MIB, goals=Goals(1.06, 1.15)),
        Scenario("4-nodes-2gib", 4, 400, 1, 2048 * MIB, goals=Goals(1.04, 1.08)),
        Scenario(
            "8-nodes", 8, 200, 1, 512 * MIB, goals=Goals(1.06, 1.15, like=(1.03, "2-nodes-200"))
        ),
        Scenario("2-nodes-200", 2, 200, 1, 512 * MIB),
        Scenario("2000-files", 4, 400, 2000, 64 * 1024, goals=Goals(1.5, 1.9)),
        Scenario("20000-files", 4, 400, 20000, 4 * 1024, goals=Goals(1.0, 1.1)),
        Scenario("archive", 4, 400, 1, 512 * MIB, unpack=True, goals=Goals(1.1, 1.2)),
        Scenario(
            "one-slow", 4, 400, 1, 512 * MIB, slow=(("n3", 100),), goals=Goals(1.10, slow=1.05)
        ),
        Scenario("s3-slow", 4, 400, 1, 256 * MIB, s3_mbit=100, goals=Goals(1.05, 1.10)),
        Scenario("s3-fast", 4, 400, 1, 512 * MIB, s3_mbit=1600, goals=Goals(1.08, 1.15)),
        Scenario("1mib", 8, 400, 1, MIB, goals=Goals(0.3, 0.3, unit="seconds")),
        Scenario(
            "cached", 4, 400, 2000, 64 * 1024, work="cached", goals=Goals(0.6, unit="seconds")
        ),
        Scenario("two-drivers", 4, 400, 6, 64 * MIB, work="shared"),
        Scenario("no-limit", 4, 0, 1, 1024 * MIB, disks=MEMORY, goals=Goals(worker_cpu=1.4)),
        Scenario("no-limit-disk", 4, 0, 1, 1024 * MIB, goals=Goals(of_each=0.5)),
        Scenario("16-nodes-40", 16, 40, 1, 96 * MIB, goals=Goals(1.08, worker_cpu=10)),
        Scenario("16-nodes-100", 16, 100, 1, 256 * MIB, goals=Goals(1.25, worker_cpu=10)),
        Scenario("32-nodes-16", 32, 16, 1, 48 * MIB, goals=Goals(1.10)),
        Scenario("3-late", 4, 400, 1, 512 * MIB, late_s=3.0, goals=Goals(late=1.05)),
        Scenario("idle", 8, 400, 1, MIB, work="idle"),
    )
}
