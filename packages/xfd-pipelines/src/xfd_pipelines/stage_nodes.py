"""Which nodes can run a stage, and so get its files. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from xfd_api.node_selector import NodeSelector, as_selector, both
from xfd_pipelines.collect import CollectedRequests
from xfd_pipelines.stage import Stage
from xfd_ray.placement import NodeInfo, matches


def resources_of(stage: Stage) -> Mapping[str, float]:
    """The resources that one worker needs, by Ray's names, without zeros.

    Example:
        >>> resources_of(Stage())
        {'CPU': 1.0}
    """
    needs = stage.required_resources
    amounts = {
        "CPU": needs.cpus,
        "GPU": needs.gpus,
        "memory": needs.memory_bytes or 0,
        **needs.custom,
    }
    return {name: float(amount) for name, amount in amounts.items() if amount}


def nodes_that_run(stage: Stage) -> NodeSelector | None:
    """Selects the nodes that have what one worker needs; None for all nodes."""
    resources = resources_of(stage)
    return NodeSelector(resources=resources) if resources else None


def for_present_nodes(
    collected: CollectedRequests,
    nodes: Sequence[NodeInfo],
    selector: NodeSelector,
    *,
    may_grow: bool,
) -> CollectedRequests:
    """The requests that can be fetched before the pipeline starts.

    Others are for no node that the distribution selects. The workers of their stages ask for the
    files when they start on another node, or on one that has joined.

    Args:
        collected: the requests of all stages.
        nodes: the live nodes.
        selector: the nodes that the distribution selects.
        may_grow: other nodes may join. Without that, a request that names its nodes itself and fits
            none is left in, and is an error of the distribution.
    """
    kept = [
        place
        for place, (request, names_nodes) in enumerate(
            zip(collected.requests, collected.names_nodes, strict=True)
        )
        if (names_nodes and not may_grow)
        or any(matches(both(selector, as_selector(request.nodes)), node) for node in nodes)
    ]
    return replace(
        collected,
        requests=tuple(collected.requests[k] for k in kept),
        priorities=tuple(collected.priorities[k] for k in kept),
        names_nodes=tuple(collected.names_nodes[k] for k in kept),
    )
