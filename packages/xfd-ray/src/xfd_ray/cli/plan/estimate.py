"""What a distribution would do, from what each node has of the catalog. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from xfd_api.chunks import Catalog
from xfd_api.ids import NodeId
from xfd_ray.cli.plan.on_node import Survey
from xfd_ray.coordinator.lower_bound import bound_s
from xfd_ray.link_rates import LinkRates

KEYS_PER_LIST = 1000
"""Keys that a store lists in one answer."""

MOST_NODES = 64
"""Nodes of a simulation: the time over the bound grows with the logarithm of their number."""

MOST_MOVES = 8_000
"""Chunks that all nodes of a simulation receive together, which takes two seconds. A larger
distribution is simulated with larger chunks, which take it slightly longer."""

STEPS = 1000
"""Moments of a simulation at which links are shared anew."""

UNLIMITED = 1e12
"""Bytes per second of a link that nothing is known of."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes that would move, and requests that the store would get.

    Attributes:
        objects: in the catalog.
        total_bytes: of all objects, each counted once.
        chunks: that they are cut into.
        missing: bytes that each node lacks.
        from_store: bytes that no node has.
        between_nodes: bytes that nodes would send each other.
        gets: ranges of objects that would be read from the store.
        lookups: HEAD requests and lists, at least.
    """

    objects: int
    total_bytes: int
    chunks: int
    missing: Mapping[NodeId, int]
    from_store: int
    between_nodes: int
    gets: int
    lookups: int

    def bound_s(self, rates: LinkRates) -> float | None:
        """The least time that the bytes can take; None if nothing is missing, or no rate known."""
        return bound_s(list(self.missing.values()), self.from_store, self.between_nodes, rates)


def estimate(catalog: Catalog, surveys: Mapping[NodeId, Survey], lookups: int) -> Estimate:
    """The estimate for these nodes.

    Args:
        catalog: what is asked for.
        surveys: what each node has of it.
        lookups: requests for objects and prefixes.
    """
    sizes = [item.size for item in catalog.objects]
    best = [
        max((survey.present[place] for survey in surveys.values()), default=0)
        for place in range(len(sizes))
    ]
    missing = {node: sum(sizes) - sum(survey.present) for node, survey in surveys.items()}
    from_store = sum(sizes) - sum(best)
    first = catalog.first_object
    lacking = {first + place for place, size in enumerate(sizes) if best[place] < size}
    # Of an object that a node has in part, the ranges are not known: they count by their share.
    gets = 0.0
    for chunk in catalog.chunks:
        for span in chunk.spans:
            if span.length and span.object in lacking:
                size = sizes[span.object - first]
                gets += 1 - best[span.object - first] / size
    return Estimate(
        objects=len(sizes),
        total_bytes=sum(sizes),
        chunks=len(catalog.chunks),
        missing=missing,
        from_store=from_store,
        between_nodes=max(sum(missing.values()) - from_store, 0),
        gets=round(gets) or int(gets > 0),
        lookups=lookups + len(sizes) // KEYS_PER_LIST,
    )


def simulated_s(planned: Estimate, rates: LinkRates) -> float | None:
    """Seconds that the scheduler takes for these bytes on such links, by its simulator.

    The simulator says how far above its bound a distribution of such nodes and chunks stays, if
    none of them has anything yet. The rest follows from the bound of what is missing.

    Returns:
        None if nothing is missing, or no rate that counts is known.

    Raises:
        ImportError: the simulator's packages are not installed.
    """
    import time

    from xfd_scheduler.scheduler import Scheduler
    from xfd_scheduler.settings import SchedulerSettings
    from xfd_scheduler.simulator.engine import Engine
    from xfd_scheduler.simulator.scenario import Scenario

    bound = planned.bound_s(rates)
    lacking = [size for size in planned.missing.values() if size]
    if bound is None or not lacking:
        return None
    size, nodes = max(lacking), min(len(lacking), MOST_NODES)
    chunk = planned.total_bytes / planned.chunks if planned.chunks else size
    receiving = [rate for rate in (rates.down, rates.write) if rate is not None]
    scenario = Scenario(
        nodes=nodes,
        total_bytes=size,
        chunk_bytes=min(max(chunk, size * nodes / MOST_MOVES), size),
        down=(min(receiving, default=UNLIMITED),),
        up=(rates.up or rates.down or UNLIMITED,),
        origin=rates.origin or UNLIMITED,
        known_rates=True,
        sharing="steps",
        settings=SchedulerSettings(),
    )
    scenario = replace(scenario, step_s=scenario.bound_s() / STEPS)
    scheduler = Scheduler(scenario.settings, seed=0)
    return bound * Engine(scenario, scheduler, time.process_time).run().ratio
