"""Collects the download requests of all stages: each once, and contradictions refused. Pure.

Conflicts between the files of a prefix and other destinations show only when the store is listed;
the catalog refuses those.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from xfd_api import DownloadRequest, ObjectStoreConfig, ObjectStoreConfigByProfile
from xfd_api.errors import DestinationConflictError
from xfd_api.identity import request_identity
from xfd_api.lookups import Lookup, plan_downloads
from xfd_api.node_selector import NodeSelector, may_meet
from xfd_api.paths import is_in_hub_cache
from xfd_api.request_forms import as_requests


class HasRequests(Protocol):
    """A stage, as far as its requests go."""

    @property
    def name(self) -> Any:
        """Of the stage, for errors."""

    @property
    def download_requests(self) -> Any:
        """In any form that `as_requests` takes."""


@dataclass(frozen=True, slots=True)
class CollectedRequests:
    """The requests of all stages of a pipeline.

    Attributes:
        requests: each request once.
        priorities: for each request the number of the first stage that needs it.
        names_nodes: for each request whether it selects its nodes itself.
    """

    requests: tuple[DownloadRequest, ...] = ()
    priorities: tuple[int, ...] = ()
    names_nodes: tuple[bool, ...] = ()


def collect_requests(
    stages: Sequence[HasRequests],
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None,
    *,
    nodes: Sequence[NodeSelector | None] | None = None,
) -> CollectedRequests:
    """Collects the requests of all stages.

    A request that two stages share for the same nodes is there once, for the first of them, and
    with `cache=False` if either says so.

    Args:
        stages: the stages.
        object_store_config: see `plan_downloads`.
        nodes: for each stage the nodes that get its files, unless a request names its own; None for
            all nodes.

    Raises:
        DestinationConflictError: two different requests have one destination.
        UnknownProfileError, UnsafePathError, UnknownArchiveError: see `plan_downloads`.
    """
    requested = [
        (request, number) for number, stage in enumerate(stages) for request in _requests_of(stage)
    ]
    if not requested:
        return CollectedRequests()
    plan = plan_downloads(
        [_for_stage(request, nodes[number] if nodes else None) for request, number in requested],
        object_store_config,
    )
    kept: dict[tuple[Hashable, NodeSelector | None], _Kept] = {}
    claims = _Claims()
    for (request, number), lookup in zip(requested, plan.lookups, strict=True):
        identity = request_identity(lookup, plan.stores.of(lookup.profile_name))
        value = claims.claim(identity, lookup, request).value
        if (before := kept.get((identity, lookup.nodes))) is not None:
            before.has_cache &= request.value.cache
            continue
        kept[identity, lookup.nodes] = _Kept(
            DownloadRequest(value, lookup.nodes),
            number,
            request.nodes is not None,
            request.value.cache,
        )
    return CollectedRequests(
        requests=tuple(each.as_request() for each in kept.values()),
        priorities=tuple(each.stage for each in kept.values()),
        names_nodes=tuple(each.names_nodes for each in kept.values()),
    )


@dataclass(slots=True)
class _Kept:
    request: DownloadRequest
    stage: int
    names_nodes: bool
    has_cache: bool

    def as_request(self) -> DownloadRequest:
        """The request, without the cache if a stage says so."""
        value = self.request.value
        return replace(self.request, value=replace(value, cache=self.has_cache))


def _for_stage(request: DownloadRequest, nodes: NodeSelector | None) -> DownloadRequest:
    return request if request.nodes is not None else replace(request, nodes=nodes)


def _requests_of(stage: HasRequests) -> list[DownloadRequest]:
    return as_requests(stage.download_requests, what=f"download_requests of stage {stage.name}")


class _Claims:
    """The destinations that requests have, and the requests that were first to ask for the same."""

    def __init__(self) -> None:
        self._first: dict[Hashable, DownloadRequest] = {}
        self._owners: dict[str, list[tuple[Hashable, Lookup]]] = {}

    def claim(
        self, identity: Hashable, lookup: Lookup, request: DownloadRequest
    ) -> DownloadRequest:
        """Reserves the destinations of a request on its nodes; returns the first for the same.

        Several prefixes may share a folder, and all lookups of a repository its folder in the hub
        cache, which names files by their content.

        Raises:
            DestinationConflictError: another request has a destination, on a node of both.
        """
        places = [] if is_in_hub_cache(lookup.destination) else [lookup.destination]
        if lookup.unpack is not None:
            places.append(lookup.unpack.destination)
        if len(set(places)) < len(places):
            raise _conflict(lookup, lookup, places[0])
        for place in places:
            owners = self._owners.setdefault(place, [])
            for known, owner in owners:
                if known != identity and _exclude(owner, lookup):
                    raise _conflict(owner, lookup, place)
            owners.append((identity, lookup))
        return self._first.setdefault(identity, request)


def _exclude(one: Lookup, two: Lookup) -> bool:
    """Whether two different things for one destination are for a node of both."""
    everywhere = NodeSelector()
    meet = may_meet(one.nodes or everywhere, two.nodes or everywhere)
    return meet and not (one.is_prefix and two.is_prefix)


def _conflict(one: Lookup, two: Lookup, place: str) -> DestinationConflictError:
    return DestinationConflictError(
        f"{one.key!r} and {two.key!r} cannot both land there", object=two.named, path=place
    )
