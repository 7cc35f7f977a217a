"""What `xfd plan` shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_api.stall_words import duration
from xfd_dataplane.cli import output
from xfd_dataplane.progress.words import human
from xfd_ray.cli.node_choice import SHORT
from xfd_ray.cli.plan.estimate import Estimate
from xfd_ray.cli.plan.on_node import Survey
from xfd_ray.cli.plan.rates import KnownRates
from xfd_ray.cli.tables import table
from xfd_ray.link_rates import LinkRates
from xfd_ray.placement import NodeInfo

if TYPE_CHECKING:
    from rich.table import Table

NO_RATES = (
    "time: unknown, because nothing is known of the links. Give --link-rate and --store-rate, "
    "configure rates, or run xfd get once from here"
)
_COLUMNS = ("node", "host", "cached", "missing", "free", "note")


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan.

    Attributes:
        nodes: that take part.
        planned: what would move.
        surveys: what each node has; nodes that did not answer lack one.
        failed: why they did not.
        known: rates of the links, if any are known.
        simulated_s: the time that the simulator expects.
        problem: why there is no such time, although rates are known.
    """

    nodes: Sequence[NodeInfo]
    planned: Estimate
    surveys: Mapping[NodeId, Survey]
    failed: Mapping[NodeId, XfdError]
    known: KnownRates | None
    simulated_s: float | None
    problem: str | None = None

    @property
    def full(self) -> dict[NodeId, str]:
        """The nodes with too little room, and how much they lack."""
        return {
            node: f"needs {human(room.missing - room.free)} more below {room.folder}"
            for node, survey in self.surveys.items()
            for room in survey.rooms
            if room.missing > room.free
        }


def document(plan: Plan) -> dict[str, Any]:
    """The plan for a program; bytes and seconds."""
    planned, known = plan.planned, plan.known
    return {
        "ok": not plan.failed and not plan.full,
        "objects": planned.objects,
        "catalog_bytes": planned.total_bytes,
        "chunks": planned.chunks,
        "origin_bytes": planned.from_store,
        "peer_bytes": planned.between_nodes,
        "origin_requests": {"get": planned.gets, "lookup": planned.lookups},
        "bound_s": None if known is None else planned.bound_s(known.rates),
        "expected_s": plan.simulated_s,
        "rates": None if known is None else {"source": known.source, **asdict(known.rates)},
        "nodes": [_node_document(plan, node) for node in plan.nodes],
    }


def _node_document(plan: Plan, node: NodeInfo) -> dict[str, Any]:
    base = {"node": node.id, "host": node.host}
    error = plan.failed.get(node.id)
    if error is not None:
        return {**base, "error": output.error_fields(error, names_node=True)}
    survey = plan.surveys[node.id]
    return {
        **base,
        "cached_objects": survey.landed,
        "cached_bytes": sum(survey.present),
        "missing_bytes": plan.planned.missing[node.id],
        "disks": [asdict(room) for room in survey.rooms],
    }


def parts(plan: Plan) -> list[Table | str]:
    """Lines and a table for a person."""
    planned = plan.planned
    rows = [_row(plan, node) for node in plan.nodes]
    right = ("cached", "missing", "free")
    return [
        f"{planned.objects} object(s), {human(planned.total_bytes)} in {planned.chunks} chunk(s), "
        f"for {len(plan.nodes)} node(s)",
        table(_COLUMNS, rows, right=right),
        f"from the store: {human(planned.from_store)} in {planned.gets} range(s), after "
        f"{planned.lookups} lookup(s)",
        f"between nodes: {human(planned.between_nodes)}",
        _time(plan),
        "nothing was changed",
    ]


def _row(plan: Plan, node: NodeInfo) -> tuple[str, ...]:
    base = (node.id[:SHORT], node.host)
    if (error := plan.failed.get(node.id)) is not None:
        return (*base, "", "", "", error.what)
    survey = plan.surveys[node.id]
    free = min((room.free for room in survey.rooms), default=None)
    note = plan.full.get(node.id, "" if survey.rooms else "everything is here")
    return (
        *base,
        human(sum(survey.present)),
        human(plan.planned.missing[node.id]),
        "" if free is None else human(free),
        note,
    )


def _time(plan: Plan) -> str:
    planned, known = plan.planned, plan.known
    if not any(planned.missing.values()):
        return "time: nothing is missing"
    if known is None:
        return NO_RATES
    bound = planned.bound_s(known.rates)
    least = "" if bound is None else f"at least {_seconds(bound)}"
    expected = ""
    if plan.simulated_s is not None:
        expected = f"about {_seconds(plan.simulated_s)} (simulated), "
    why = f"; {plan.problem}" if plan.problem else ""
    return f"time: {expected}{least or 'unknown'}{why}; rates {_words(known.rates)}, {known.source}"


def _seconds(time: float) -> str:
    return f"{time:.1f} s" if time < 10 else duration(time)


def _words(rates: LinkRates) -> str:
    """The rates that are known.

    Example:
        >>> _words(LinkRates(origin=2**30, down=2**20))
        'store 1.0 GiB/s, down 1.0 MiB/s'
    """
    named = {
        "store": rates.origin,
        "down": rates.down,
        "up": rates.up,
        "write": rates.write,
    }
    return ", ".join(f"{name} {human(rate)}/s" for name, rate in named.items() if rate is not None)
