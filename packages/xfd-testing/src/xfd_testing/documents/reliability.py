"""The table of docs/RELIABILITY.md, made from the faults below and docs/reliability.json.

    python -m xfd_testing.documents.reliability

writes it between the two markers of the document. A test compares the two. Tests write the figures:
see `xfd_testing.figures`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xfd_testing.documents.markers import with_part

FIGURES = Path("docs/reliability.json")
DOCUMENT = Path("docs/RELIABILITY.md")
FIRST = "<!-- Made: run `python -m xfd_testing.documents.reliability` after a change. -->"
LAST = "<!-- End of the table. -->"


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    Attributes:
        name: under which tests record its figure.
        fault: what happens.
        must: what has to happen then.
        seen: what a user sees of it.
        command: which test injects it.
    """

    name: str
    fault: str
    must: str
    seen: str
    command: str


ATTACK = "`nox -s faults -- -k attack`"
PROCESSES = "`nox -s faults -- -k kills`"
STORES = "`nox -s faults -- -k test_store`"
PEERS = "`nox -s faults -- -k test_peer`"
DISKS = "`nox -s faults -- -k test_disk`"
POWER = "`nox -s faults -- -k power_loss`"
DRIVERS = "`nox -s faults -- -k test_drivers`"
LINKS = "`nox -s faults -- -k links`"
NODES = "`nox -s faults -- -k comings`"

FAULTS = {
    "Processes": (
        Fault(
            "worker-killed",
            "A NodeWorker is killed at a random moment",
            "all nodes finish; only what was in flight there is read again",
            "nothing, or one node that starts for a moment; the report counts no lost node",
            PROCESSES,
        ),
        Fault(
            "coordinator-killed",
            "The coordinator is killed, and its workers end with it",
            "the driver starts another one; what the nodes have on disk is not read again",
            "progress goes on; the report says in `uncounted_s` what it could not count",
            PROCESSES,
        ),
        Fault(
            "raylet-killed",
            "A raylet is killed, and its node is lost",
            "the others finish; only what no other node had is read again",
            "the report names the node in `nodes_lost`",
            PROCESSES,
        ),
        Fault(
            "driver-killed",
            "A driver is killed, and the call is made again, at once or later",
            "the second call fetches only what is missing",
            "`cached_bytes` and `resumed_bytes` of the second report",
            PROCESSES,
        ),
        Fault(
            "store-killed",
            "The object store is killed, and is back after up to 3 s",
            "all nodes finish; only what was in flight is read again",
            "progress says that the store does not answer",
            PROCESSES,
        ),
    ),
    "Nodes": (
        Fault(
            "node-joins",
            "A node joins the cluster in mid-run",
            "it is filled from its peers; no byte leaves the store for it",
            "the report names it in `nodes_joined`",
            NODES,
        ),
        Fault(
            "node-comes-back",
            "A node dies in mid-run, and comes back with its disk",
            "it is filled from its peers, apart from what it has",
            "the old one in `nodes_lost`, the new one in `nodes_joined`",
            NODES,
        ),
        Fault(
            "node-drained",
            "A node is drained in mid-run, as after a spot notice",
            "it finishes, and serves until its deadline; a later call leaves it out",
            "nothing; a later report has it in `nodes_lost`, with Ray's reason",
            NODES,
        ),
        Fault(
            "node-after-the-end",
            "A node is added when all is there, and a stage of a pipeline starts on it",
            "it is filled from its peers, and `setup` waits for that",
            "nothing",
            "`nox -s integration -- tests/integration/test_pipelines_files.py -k later`",
        ),
    ),
    "Links, clocks, and processes that stand still": (
        Fault(
            "link-cut-10",
            "A node's link is cut for 10 s, without a reset",
            "the others take no longer; nobody is lost",
            "the node is behind for a while",
            LINKS,
        ),
        Fault(
            "link-cut-60",
            "The same for 60 s",
            "the others take no longer; Ray gives the node up by itself after some 20 s",
            "the report has the node in `nodes_lost`",
            LINKS,
        ),
        Fault(
            "link-starved",
            "A node's link is left with one hundredth of its rate, until the others are done",
            "the others take no longer; nobody is lost",
            "the node is behind",
            LINKS,
        ),
        Fault(
            "worker-stands-still",
            "A NodeWorker is stopped for 20 s",
            "the others take no longer; nobody is lost",
            "progress names the node, whose worker has not answered for 10 s",
            LINKS,
        ),
        Fault(
            "coordinator-stands-still",
            "The coordinator is stopped for 20 s",
            "all finish, that much later at most; nobody is lost",
            "no progress meanwhile",
            LINKS,
        ),
        Fault(
            "driver-stands-still",
            "The driver is stopped for 20 s, longer than its lease lasts",
            "it takes another lease; all finish, that much later at most",
            "the report, as without the pause",
            LINKS,
        ),
        Fault(
            "clock-set-back",
            "The clock of a node is set back by an hour in mid-run",
            "all finish; an intact file counts as there, a damaged one does not",
            "nothing",
            "`nox -s faults -- -k clocks`",
        ),
    ),
    "Attackers": (
        Fault(
            "attacked",
            "Strangers attack every node all the time, in eight ways, 400 connections a second",
            "the distribution takes at most 1.2 x its time without them",
            "nothing",
            ATTACK,
        ),
        Fault(
            "attacked-tls",
            "The same, with TLS between peers",
            "the same",
            "nothing",
            ATTACK,
        ),
    ),
    "Stores": (
        Fault(
            "store-slow-down",
            "30 % of the requests get a 503 SlowDown",
            "all nodes finish; each byte is read once",
            "retries in the report",
            STORES,
        ),
        Fault(
            "store-slow-down-with-rest",
            "8 % get a SlowDown that asks for a rest of 3 s",
            "no node asks before the rest is over",
            "progress says for how long the store asks",
            STORES,
        ),
        Fault(
            "store-internal-error",
            "30 % get a 500",
            "all nodes finish; each byte is read once",
            "retries in the report",
            STORES,
        ),
        Fault(
            "store-reset",
            "30 % of the connections are reset before an answer",
            "all nodes finish; each byte is read once",
            "retries in the report",
            STORES,
        ),
        Fault(
            "store-reset-in-body",
            "30 % of the bodies are reset in their middle",
            "a body goes on at its byte",
            "retries in the report",
            STORES,
        ),
        Fault(
            "store-hang",
            "8 % of the requests are never answered",
            "a request is sent again once it takes far longer than others",
            "retries in the report",
            STORES,
        ),
        Fault(
            "store-hang-in-body",
            "8 % of the bodies fall silent in their middle",
            "a body goes on at its byte, on another connection",
            "retries in the report",
            STORES,
        ),
        Fault(
            "store-gone-20-s",
            "The store is gone for 20 s",
            "all nodes finish; the store gets no more requests in a second than before",
            "progress says that the store cannot be reached",
            STORES,
        ),
        Fault(
            "store-gone",
            "The store is gone for good",
            "the error says so; a second call goes on",
            "`OriginUnreachableError`",
            STORES,
        ),
        Fault(
            "store-denied",
            "The keys are refused from the middle on",
            "the error says so at once; a second call goes on",
            "`AccessDeniedError`",
            STORES,
        ),
        Fault(
            "store-deleted",
            "The object is deleted in the middle",
            "the error says so at once",
            "`ObjectNotFoundError`",
            STORES,
        ),
        Fault(
            "store-overwritten",
            "The object is overwritten in the middle",
            "no file has bytes of both; a second call fetches the new one",
            "`ObjectChangedError`",
            STORES,
        ),
        Fault(
            "store-other-total",
            "The answers name another size than the one found",
            "refused; both sizes are named",
            "`OriginAnswerError`",
            STORES,
        ),
        Fault(
            "store-short",
            "The answers are shorter than their range",
            "refused; both lengths are named",
            "`OriginAnswerError`",
            STORES,
        ),
        Fault(
            "nodes-denied",
            "Some nodes have wrong keys, or none",
            "they receive from those that may read; three denials in a row fail the object",
            "`xfd_origin_requests_total` counts the denials of each node",
            "`nox -s integration -- tests/integration/test_cluster_rights.py`",
        ),
    ),
    "Peers": (
        Fault(
            "peer-flip",
            "A peer changes a byte of each chunk",
            "refused, banned, fetched elsewhere, counted",
            "`xfd_verification_failures_total`, and retries in the report",
            PEERS,
        ),
        Fault(
            "peer-other-checksum",
            "A peer names another checksum",
            "refused, banned, fetched elsewhere, counted",
            "`xfd_verification_failures_total`, and retries in the report",
            PEERS,
        ),
        Fault(
            "peer-short",
            "A peer sends less than the chunk",
            "refused, banned, fetched elsewhere, counted",
            "`xfd_verification_failures_total`, and retries in the report",
            PEERS,
        ),
        Fault(
            "peer-cut",
            "A peer resets each connection in the middle",
            "the rest is fetched there or elsewhere",
            "retries in the report",
            PEERS,
        ),
        Fault(
            "peer-endless",
            "A peer never stops sending",
            "refused, banned, fetched elsewhere, counted",
            "`xfd_verification_failures_total`, and retries in the report",
            PEERS,
        ),
        Fault(
            "peer-silent",
            "A peer falls silent in the middle",
            "given up after the time-out; fetched elsewhere; soon nobody waits for it",
            "retries in the report",
            PEERS,
        ),
        Fault(
            "peer-slow",
            "A peer sends twenty bytes a second",
            "given up as too slow; fetched elsewhere; soon nobody waits for it",
            "retries in the report",
            PEERS,
        ),
        Fault(
            "peer-absent",
            "A peer says that it holds chunks, and answers 404 for each",
            "fetched elsewhere; soon nobody waits for it",
            "retries in the report",
            PEERS,
        ),
    ),
    "Disks": (
        Fault(
            "disk-full",
            "The disk fills up in the middle",
            "the error names it; the other nodes finish; the next call lands all",
            "`DiskFullError`",
            DISKS,
        ),
        Fault(
            "disk-inodes",
            "The disk has no inodes left",
            "the error names it; the next call lands all",
            "`DiskFullError`",
            DISKS,
        ),
        Fault(
            "disk-read-only",
            "The disk may only be read",
            "named before a byte moves; what is there counts",
            "`DestinationNotWritableError`",
            DISKS,
        ),
        Fault(
            "disk-long-path",
            "The path is too long",
            "named before a byte moves",
            "`DestinationError`",
            DISKS,
        ),
        Fault(
            "power-loss-object",
            "The power is cut, files synced, the default",
            "what has its name is whole; no wrong byte counts later",
            "nothing; a run that was over reads no byte again",
            POWER,
        ),
        Fault(
            "power-loss-none",
            "The power is cut, nothing synced (`durability=none`)",
            "files that lost their bytes are found out by the next run",
            "a second run reads again, and fetches what is missing",
            POWER,
        ),
    ),
    "Drivers": (
        Fault(
            "drivers-2",
            "Two drivers want the same at once",
            "fetched once",
            "each has its own report",
            DRIVERS,
        ),
        Fault(
            "drivers-5",
            "Five drivers want the same at once",
            "fetched once",
            "each has its own report",
            DRIVERS,
        ),
        Fault(
            "drivers-20",
            "Twenty drivers want the same at once",
            "fetched once",
            "each has its own report",
            DRIVERS,
        ),
        Fault(
            "files-removed",
            "Somebody removes files of a running call, and another call wants them",
            "the nodes look again; what is gone is fetched again, from peers that have it",
            "`missing_bytes` of the second report",
            "`nox -s integration -- tests/integration/test_cluster_cache.py`",
        ),
        Fault(
            "in-a-row",
            "Distributions in a row, with workers that stay",
            "no growth of memory, descriptors, files, actors",
            "nothing",
            "`XFD_ROUNDS=10000 nox -s faults -- -k in_a_row`",
        ),
    ),
}
"""By the heading of their table."""


def tables_of(faults: Mapping[str, tuple[Fault, ...]], figures: Mapping[str, str]) -> str:
    """One table for each heading, in Markdown.

    Raises:
        ValueError: a figure belongs to no fault.
    """
    unknown = set(figures) - {each.name for rows in faults.values() for each in rows}
    if unknown:
        raise ValueError(f"Figures of no fault: {', '.join(sorted(unknown))}")
    lines: list[str] = []
    for heading, rows in faults.items():
        lines += [f"## {heading}", "", "| fault | what must happen | what a user sees | figure |"]
        lines[-1] += " command |"
        lines.append("|---|---|---|---|---|")
        for each in rows:
            figure = figures.get(each.name, "not measured")
            cells = (each.fault, each.must, each.seen, figure, each.command)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines[:-1])


def made(root: Path) -> str:
    """The tables of the repository at `root`."""
    return tables_of(FAULTS, json.loads((root / FIGURES).read_text(encoding="utf-8")))


def main(root: Path) -> None:
    """Writes the tables of the repository at `root`."""
    document = root / DOCUMENT
    document.write_text(with_part(document.read_text(), FIRST, LAST, made(root)))


if __name__ == "__main__":
    main(Path())
