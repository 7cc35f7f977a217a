"""What `xfd doctor` makes of the facts: what is well, and what to do about the rest. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_api.stall_words import duration
from xfd_api.stores import StoreKind
from xfd_dataplane.progress.words import human
from xfd_ray.cli.doctor.connections import Tried
from xfd_ray.cli.doctor.finding import Finding
from xfd_ray.cli.doctor.node_facts import DiskFacts, NodeFacts
from xfd_ray.cli.doctor.store_reach import Reached
from xfd_ray.coordinator_status import CoordinatorStatus

XFD = ("xfd-api", "xfd-scheduler", "xfd-dataplane", "xfd-ray")

LITTLE_ROOM = 0.05
"""The share of a disk that is free when it is nearly full."""

SLOW_SYNC_S = 0.5
"""Seconds for a MiB and its sync above which each landing takes long."""

CLOCK_WARN_S, CLOCK_FAIL_S = 2.0, 300.0
"""Differences of clocks, in seconds. Stores refuse signatures that are 5 to 15 minutes off."""

_STORES = {
    StoreKind.S3: "S3",
    StoreKind.GCS: "Google",
    StoreKind.AZURE: "Azure",
    StoreKind.HUB: "Hugging Face",
}


def judge_packages(
    found: Mapping[NodeId, Mapping[str, str] | XfdError], own: Mapping[str, str]
) -> list[Finding]:
    """Compares the packages of each node with those of this process."""
    findings = []
    for node, versions in found.items():
        if isinstance(versions, XfdError):
            findings.append(_failed("packages", node, versions))
            continue
        wrong = [
            f"{name} is {versions.get(name) or 'missing'} instead of {own[name]}"
            for name in (*XFD, "ray")
            if versions.get(name) != own[name]
        ]
        if wrong:
            remedy = "Install the same versions on every node and where you call xfd"
            findings.append(Finding("packages", node, "fail", "; ".join(wrong), remedy))
            continue
        what = (
            f"xfd {versions['xfd-ray']}, ray {versions['ray']}, Python {versions['python']}, "
            f"{versions['machine']}"
        )
        findings.append(Finding("packages", node, "ok", what))
    return findings


def judge_coordinators(found: Sequence[CoordinatorStatus] | XfdError) -> list[Finding]:
    """What the coordinators that run say, or why they say nothing."""
    if isinstance(found, XfdError):
        return [Finding("coordinator", None, "fail", found.what, found.remedy)]
    if not found:
        return [Finding("coordinator", None, "ok", "none runs: the next call starts one")]
    findings = []
    for each in found:
        what = f"up {duration(each.since_s)}, with {len(each.leases)} call(s)"
        findings.append(Finding("coordinator", None, "ok", what))
        findings += [
            Finding("coordinator", node.id, "warn", f"{node.state}: {error.what}", error.remedy)
            for node in each.nodes
            if (error := node.error) is not None
        ]
    return findings


def judge_disks(found: Mapping[NodeId, NodeFacts]) -> list[Finding]:
    """Room, rights and features of the disks below the root and the hub cache."""
    findings = [_disk("disk", node, facts.root, "XFD_ROOT") for node, facts in found.items()]
    for node, facts in found.items():
        if not facts.hub_cache.problem and facts.hub_cache.device == facts.root.device:
            findings.append(Finding("hub cache", node, "ok", "on the same disk"))
        else:
            findings.append(_disk("hub cache", node, facts.hub_cache, "HF_HOME"))
    return findings


def _disk(check: str, node: NodeId, disk: DiskFacts, variable: str) -> Finding:
    if disk.problem:
        remedy = f"Set {variable} on the nodes to a folder that their user may write to"
        return Finding(check, node, "fail", f"{disk.folder}: {disk.problem}", remedy)
    room = f"{human(disk.free_bytes)} of {human(disk.size_bytes)} free"
    kind = f", {disk.kind}" if disk.kind else ""
    links = "reflinks" if disk.has_reflinks else "no reflinks"
    what = f"{room}{kind}, {links}: {disk.folder}"
    if disk.free_bytes < LITTLE_ROOM * disk.size_bytes:
        return Finding(check, node, "warn", what, "Free room, or set " + variable)
    if disk.kind == "tmpfs":
        remedy = f"Set {variable} to a folder on a disk, unless files are to be kept in memory"
        return Finding(check, node, "warn", what, remedy)
    if disk.sync_s > SLOW_SYNC_S:
        slow = f"{what}; a MiB takes {disk.sync_s:.1f} s to sync"
        return Finding(check, node, "warn", slow, "Use a faster disk, or durability='none'")
    return Finding(check, node, "ok", what)


def judge_clocks(
    found: Mapping[NodeId, float | XfdError], asked_at: float, answered_at: float
) -> list[Finding]:
    """Compares the nodes' clocks with the one here.

    Args:
        found: what each node's clock said.
        asked_at: what the clock here said before.
        answered_at: what it said afterwards.
    """
    findings = []
    for node, there in found.items():
        if isinstance(there, XfdError):
            findings.append(_failed("clock", node, there))
            continue
        # It was read at some moment between the two, so no smaller difference is certain.
        off = max(asked_at - there, there - answered_at, 0.0)
        remedy = "Synchronise the clocks, for example with chrony"
        if off > CLOCK_FAIL_S:
            what = f"{off:.0f} s off: stores refuse signatures that are minutes off"
            findings.append(Finding("clock", node, "fail", what, remedy))
        elif off > CLOCK_WARN_S:
            findings.append(Finding("clock", node, "warn", f"{off:.1f} s off", remedy))
        else:
            findings.append(Finding("clock", node, "ok", f"less than {CLOCK_WARN_S:g} s off"))
    return findings


def judge_connections(tried: Tried, names: Mapping[NodeId, str]) -> list[Finding]:
    """What each node met when it connected to others."""
    findings = []
    for node, answers in tried.items():
        if isinstance(answers, XfdError):
            findings.append(_failed("connections", node, answers))
            continue
        wrong = {other: answer for other, answer in answers.items() if isinstance(answer, str)}
        times = [answer for answer in answers.values() if not isinstance(answer, str)]
        if wrong:
            listed = "; ".join(f"{names.get(other, other)}: {why}" for other, why in wrong.items())
            what = f"{len(wrong)} of {len(answers)} others cannot be reached: {listed}"
            remedy = "Open the ports between the nodes, and name their range with --peer-ports"
            findings.append(Finding("connections", node, "fail", what, remedy))
        elif not answers:
            findings.append(Finding("connections", node, "ok", "no other node to reach"))
        else:
            what = f"{len(answers)} other node(s) reached, each {_within(max(times))}"
            findings.append(Finding("connections", node, "ok", what))
    return findings


def judge_credentials(
    found: Mapping[NodeId, NodeFacts], needed: Collection[StoreKind]
) -> list[Finding]:
    """Where each node has credentials from, of the stores that are needed; of all if none is."""
    findings = []
    kinds = [kind for kind in _STORES if kind in needed] if needed else list(_STORES)
    for kind in kinds:
        sources = {node: facts.credentials[kind] for node, facts in found.items()}
        differ = len(set(sources.values())) > 1
        for node, source in sources.items():
            what = f"{_STORES[kind]}: {source or 'none'}"
            if differ:
                remedy = "Give all nodes the same, or pass variables with --env"
                findings.append(Finding("credentials", node, "warn", what, remedy))
            elif source is None and needed:
                remedy = "Only public objects can be read; pass variables with --env"
                findings.append(Finding("credentials", node, "warn", what, remedy))
            else:
                findings.append(Finding("credentials", node, "ok", what))
    return findings


def judge_stores(
    found: Mapping[NodeId, Sequence[Reached | XfdError] | XfdError], sources: Sequence[str]
) -> list[Finding]:
    """What the store of each source answered to each node."""
    findings = []
    for node, answers in found.items():
        if isinstance(answers, XfdError):
            findings.append(_failed("store", node, answers))
            continue
        for source, answer in zip(sources, answers, strict=True):
            if isinstance(answer, XfdError):
                findings.append(_failed("store", node, answer))
            else:
                what = f"{source}: {answer.objects} object(s), {_within(answer.seconds)}"
                findings.append(Finding("store", node, "ok", what))
    return findings


def failed_nodes(check: str, found: Mapping[NodeId, object]) -> list[Finding]:
    """A finding for each node that could not be looked at."""
    return [
        _failed(check, node, error) for node, error in found.items() if isinstance(error, XfdError)
    ]


def _failed(check: str, node: NodeId, error: XfdError) -> Finding:
    places = [each for each in (error.object, error.path) if each]
    where = f" ({', '.join(places)})" if places else ""
    return Finding(check, node, "fail", f"{error.what}{where}", error.remedy)


def _within(seconds: float) -> str:
    """A time as the next power of ten, so that nodes can share a line."""
    for bound, name in ((0.01, "10 ms"), (0.1, "100 ms"), (1.0, "1 s")):
        if seconds <= bound:
            return f"within {name}"
    return f"after {seconds:.0f} s"
