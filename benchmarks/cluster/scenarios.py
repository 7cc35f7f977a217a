"""What is distributed, over which links."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table.

    Attributes:
        name: as the command line names it.
        nodes: hosts that want the files.
        mbit: rate of each host's link, both ways.
        files: number of objects; more than one are a prefix.
        size: bytes of each object.
        s3_mbit: rate of the object store's link; None for the hosts'.
        slow: rates of hosts that differ.
        unpack: the object is a tar.gz which is unpacked.
    """

    name: str
    nodes: int
    mbit: int
    files: int
    size: int
    s3_mbit: int | None = None
    slow: tuple[tuple[str, int], ...] = ()
    unpack: bool = False

    @property
    def total_bytes(self) -> int:
        """Bytes of the catalog."""
        return self.files * self.size


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("4-nodes", 4, 400, 1, 512 * MIB),
        Scenario("4-nodes-2gib", 4, 400, 1, 2048 * MIB),
        Scenario("8-nodes", 8, 200, 1, 512 * MIB),
        Scenario("2-nodes-200", 2, 200, 1, 512 * MIB),
        Scenario("2000-files", 4, 400, 2000, 64 * 1024),
        Scenario("20000-files", 4, 400, 20000, 4 * 1024),
        Scenario("archive", 4, 400, 1, 512 * MIB, unpack=True),
        Scenario("one-slow", 4, 400, 1, 512 * MIB, slow=(("n3", 100),)),
        Scenario("s3-slow", 4, 400, 1, 256 * MIB, s3_mbit=100),
        Scenario("s3-fast", 4, 400, 1, 512 * MIB, s3_mbit=1600),
        Scenario("1mib", 8, 400, 1, MIB),
    )
}
