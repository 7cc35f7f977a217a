"""The download requests of all stages as one list: each thing once, contradictions refused.

Pure. Finer contradictions, between the files of a prefix and other destinations, show when the
store has been listed; the catalog refuses those.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from xfd_api import DownloadRequest, ObjectStoreConfig, ObjectStoreConfigByProfile
from xfd_api.errors import DestinationConflictError, InvalidRequestError
from xfd_api.identity import request_identity
from xfd_api.lookups import Lookup, plan_lookups
from xfd_api.request_forms import as_requests
from xfd_api.stores import by_profile
from xfd_pipelines.v1 import Stage


@dataclass(frozen=True, slots=True)
class CollectedRequests:
    """What a pipeline needs.

    Attributes:
        requests: each thing once.
        priorities: one per request: the number of the first stage that needs it.
    """

    requests: tuple[DownloadRequest, ...] = ()
    priorities: tuple[int, ...] = ()


def collect_requests(
    stages: Sequence[Stage],
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None,
) -> CollectedRequests:
    """The requests of all stages.

    What two stages ask for alike is fetched once, as soon as the first of them needs it, and past
    the cache if one of them says `cache=False`.

    Raises:
        InvalidRequestError: a stage asks for files and there is no store to get them from.
        DestinationConflictError: two different things want one destination.
        UnknownProfileError, UnsafePathError, UnknownArchiveError: see `plan_lookups`.
    """
    asked = [
        (request, number) for number, stage in enumerate(stages) for request in _requests_of(stage)
    ]
    if not asked:
        return CollectedRequests()
    if object_store_config is None:
        raise InvalidRequestError(
            f"{len(asked)} download requests, and no store to get them from",
            remedy="Give run_pipeline a DistributedDownloadConfig",
        )
    stores = by_profile(object_store_config)
    lookups = plan_lookups([request for request, _ in asked], stores)
    kept: dict[Hashable, tuple[DownloadRequest, int]] = {}
    owners: dict[str, Lookup] = {}
    for (request, number), lookup in zip(asked, lookups, strict=True):
        identity = request_identity(lookup, stores.of(lookup.profile_name))
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


def _requests_of(stage: Stage) -> list[DownloadRequest]:
    return as_requests(stage.download_requests, what=f"download_requests of stage {stage.name}")


def _claim(lookup: Lookup, owners: dict[str, Lookup]) -> None:
    """Takes the destinations of a lookup. Several prefixes may share a folder."""
    places = [lookup.destination]
    if lookup.unpack is not None:
        places.append(lookup.unpack.destination)
    for place in places:
        owner = owners.setdefault(place, lookup)
        if owner is lookup and places.count(place) == 1:
            continue
        if owner is not lookup and owner.is_prefix and lookup.is_prefix:
            continue
        raise DestinationConflictError(
            f"{owner.key!r} and {lookup.key!r} both want to land there",
            object=lookup.key,
            path=place,
        )


def _stricter(one: DownloadRequest, two: DownloadRequest) -> DownloadRequest:
    if one.value.cache and not two.value.cache:
        return DownloadRequest(value=replace(one.value, cache=False))
    return one
