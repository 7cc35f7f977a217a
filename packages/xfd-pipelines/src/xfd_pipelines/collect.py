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
    """

    requests: tuple[DownloadRequest, ...] = ()
    priorities: tuple[int, ...] = ()


def collect_requests(
    stages: Sequence[HasRequests],
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None,
) -> CollectedRequests:
    """Collects the requests of all stages.

    A request that two stages share is fetched once, for the first of them, and with `cache=False`
    if either says so.

    Raises:
        DestinationConflictError: two different requests have one destination.
        UnknownProfileError, UnsafePathError, UnknownArchiveError: see `plan_downloads`.
    """
    requested = [
        (request, number) for number, stage in enumerate(stages) for request in _requests_of(stage)
    ]
    if not requested:
        return CollectedRequests()
    plan = plan_downloads([request for request, _ in requested], object_store_config)
    kept: dict[Hashable, tuple[DownloadRequest, int]] = {}
    owners: dict[str, Lookup] = {}
    for (request, number), lookup in zip(requested, plan.lookups, strict=True):
        identity = request_identity(lookup, plan.stores.of(lookup.profile_name))
        if identity in kept:
            before, sooner = kept[identity]
            kept[identity] = (_stricter(before, request), sooner)
            continue
        _claim(lookup, owners)
        kept[identity] = (request, number)
    return CollectedRequests(
        requests=tuple(request for request, _ in kept.values()),
        priorities=tuple(number for _, number in kept.values()),
    )


def _requests_of(stage: HasRequests) -> list[DownloadRequest]:
    return as_requests(stage.download_requests, what=f"download_requests of stage {stage.name}")


def _claim(lookup: Lookup, owners: dict[str, Lookup]) -> None:
    """Reserves the destinations of a lookup.

    Several prefixes may share a folder, and all lookups of a repository its folder in the hub
    cache, which names files by their content.
    """
    places = [] if is_in_hub_cache(lookup.destination) else [lookup.destination]
    if lookup.unpack is not None:
        places.append(lookup.unpack.destination)
    for place in places:
        owner = owners.setdefault(place, lookup)
        if owner is lookup and places.count(place) == 1:
            continue
        if owner is not lookup and owner.is_prefix and lookup.is_prefix:
            continue
        raise DestinationConflictError(
            f"{owner.key!r} and {lookup.key!r} cannot both land there",
            object=lookup.named,
            path=place,
        )


def _stricter(one: DownloadRequest, two: DownloadRequest) -> DownloadRequest:
    if one.value.cache and not two.value.cache:
        return DownloadRequest(value=replace(one.value, cache=False))
    return one
