"""The report of a distribution, as its caller sees it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from xfd_api.chunks import MIB
from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_api.node_result import NodeResult as NodeResult
from xfd_api.rows import as_rows
from xfd_api.timeline import Timeline
from xfd_api.traffic import Traffic

BoundSource = Literal["configured", "probed", "observed"]
"""The source of the rates in a lower bound."""

_NAMED = 20
"""Names of left-out entries that fit on a line."""


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """One object's part in a distribution.

    Attributes:
        key: the object's key in its store.
        destination: the file that it became.
        size: in bytes.
        origin_bytes: read from the origin for it, by all nodes.
        nodes_landed: nodes that have it at its destination.
        nodes_cached: of these, the nodes that had it before.
        error: why it could not land somewhere.
        left_out: names of what has no place on disk, at most one hundred. It is the key of a `dir/`
            marker with content, or devices, pipes and sockets of an archive that was unpacked with
            `links="keep"`. A run that finds the tree unpacked lists them too.
        left_out_count: the number of all of them.
    """

    key: str
    destination: str
    size: int
    origin_bytes: int
    nodes_landed: int
    nodes_cached: int
    error: XfdError | None = None
    left_out: tuple[str, ...] = ()
    left_out_count: int = 0

    @property
    def left_out_line(self) -> str | None:
        """One line that says what was left out; None if nothing was."""
        if not self.left_out_count:
            return None
        if self.left_out == (self.key,):
            return f"left out, as no folder can hold it: the content of {self.key}"
        named = ", ".join(self.left_out[:_NAMED])
        more = ", …" if self.left_out_count > _NAMED else ""
        kinds = f"{self.left_out_count} devices, pipes and the like"
        return f"left out of {self.key}, {kinds}: {named}{more}"


@dataclass(frozen=True, slots=True)
class DistributionReport:
    """What a distribution did. Times are in seconds, sizes in bytes.

    Attributes:
        elapsed_s: from the call to the last node's last file.
        bound_s: the physical lower bound on the time for the bytes that were missing, at most
            `elapsed_s`. None if nothing was missing, or if no rates are known: none were given, and
            the run was too short to observe them.
        bound_source: the source of the bound's rates; None if there is no bound.
        catalog_bytes: bytes of all objects, each counted once.
        missing_bytes: of these, the bytes that at least one node lacked at the start.
        origin_bytes: read from the origin, by all nodes.
        peer_bytes: received from peers, by all nodes.
        cached_bytes: valid files that the nodes had before.
        resumed_bytes: of unfinished files on the nodes' disks: from interrupted runs, or received
            for another call before this one joined it.
        shared_bytes: written by another node of the same disk.
        retries: requests and orders that were tried again.
        nodes: one result per node.
        objects: one result per object.
        nodes_lost: nodes that were lost on the way.
        nodes_joined: nodes that joined the cluster on the way.
        traffic: bytes within and across zones during the call, and their cost. Calls that run at
            the same time each report all of it.
        excluded: objects that `include` and `exclude` left out.
        uncounted_s: above 0 if the coordinator was lost on the way, and its counts with it. Bytes
            moved in the first `uncounted_s` seconds of the call count as cached or resumed.
        timeline: when each chunk moved; thinned if there were many.
        amplification: `origin_bytes / missing_bytes`; 0 if nothing was missing.

    Example:
        >>> from xfd_api import DistributionReport
        >>> report = DistributionReport(2.0, 1.5, "observed", 8, 8, 8, 24, 0, 0, (), ())
        >>> report.efficiency
        0.75
        >>> DistributionReport.from_json(report.to_json()) == report
        True
    """

    elapsed_s: float
    bound_s: float | None
    bound_source: BoundSource | None
    catalog_bytes: int
    missing_bytes: int
    origin_bytes: int
    peer_bytes: int
    cached_bytes: int
    retries: int
    nodes: tuple[NodeResult, ...]
    objects: tuple[ObjectResult, ...] = field(repr=False)
    nodes_lost: tuple[NodeId, ...] = ()
    nodes_joined: tuple[NodeId, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)
    excluded: int = 0
    resumed_bytes: int = 0
    shared_bytes: int = 0
    uncounted_s: float = 0.0
    timeline: Timeline | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values["objects"] = as_rows(self.objects)
        return _report, (values,)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of what has no place on disk, of all objects; at most one hundred per archive."""
        return tuple(name for result in self.objects for name in result.left_out)

    @property
    def left_out_count(self) -> int:
        """The number of what has no place on disk, including what `left_out` does not name."""
        return sum(result.left_out_count for result in self.objects)

    @property
    def efficiency(self) -> float | None:
        """`bound_s / elapsed_s`: 1 is as fast as physics allows."""
        if self.bound_s is None or self.elapsed_s <= 0:
            return None
        return self.bound_s / self.elapsed_s

    @property
    def amplification(self) -> float:
        """Bytes read from the origin, for each byte that was missing."""
        return self.origin_bytes / self.missing_bytes if self.missing_bytes else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it.

        It has the fields of the dataclasses under their names, the number of this form (`schema`),
        and the derived values `efficiency` and `amplification`.
        """
        from xfd_api.plain_data import to_plain
        from xfd_api.report_files import SCHEMA

        derived = {"efficiency": self.efficiency, "amplification": self.amplification}
        return {"schema": SCHEMA, **derived, **to_plain(self)}

    def to_json(self) -> str:
        """The report as a JSON document on one line."""
        from xfd_api.report_files import json_of

        return json_of(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> DistributionReport:
        """Reads what `to_json` returned, in this version of xfd or an earlier one.

        Raises:
            ReportSchemaError: a later version of xfd wrote it.
            ReportFileError: it is no report, or a broken one.
        """
        from xfd_api.report_files import read_report

        return read_report(cls, text)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the report into a file as JSON; an old file is replaced in one step.

        Raises:
            DestinationNotWritableError: the folder is not there, or does not allow it.
            DestinationError: the file system failed.
        """
        from xfd_api.whole_file import write_whole

        write_whole(path, self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DistributionReport:
        """Reads a file that `save` wrote.

        Raises:
            DestinationError: the file cannot be read.
            ReportSchemaError: a later version of xfd wrote it.
            ReportFileError: it is no report, or a broken one.
        """
        from xfd_api.report_files import load_report

        return load_report(cls, path)

    def _repr_html_(self) -> str:
        """A table of the nodes for notebooks."""
        from xfd_api.report_table import report_table

        return report_table(self._headline, self.nodes)

    @property
    def _headline(self) -> str:
        count = len(self.nodes)
        words = [
            f"{self.catalog_bytes / MIB:,.1f} MiB on {count} node{'' if count == 1 else 's'} "
            f"in {self.elapsed_s:.2f} s"
        ]
        if self.efficiency is not None:
            words.append(f"{self.efficiency:.0%} of the bound's speed")
        words.append(f"read {self.amplification:.3f} times from the origin")
        if self.retries:
            words.append(f"{self.retries} retries")
        return ", ".join(words)


def _report(values: dict[str, Any]) -> DistributionReport:
    """A report that was pickled with its objects as columns."""
    return DistributionReport(**{**values, "objects": tuple(values["objects"])})
