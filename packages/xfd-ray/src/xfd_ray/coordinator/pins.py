"""What open leases have pinned, as answers for leases that join them. Pure.

While a lease is open, an object may be overwritten or deleted at its store, and keys may appear
below a prefix. A task, a late node, or a driver that asks for "pinned" gets what the lease pinned,
from the nodes that have it. A lookup that an open lease has made in the same words is not repeated.
Any other answer of the store is compared with what is pinned (`CatalogUnion.add`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from xfd_api.chunks import FoundObject
from xfd_api.lookups import Lookup
from xfd_api.profiles import ObjectStoreConfigByProfile

Question = tuple[Lookup, object]


def question(lookup: Lookup, stores: ObjectStoreConfigByProfile) -> Question:
    """What a lookup asks, whatever its profile is called, its priority, and its nodes."""
    words = replace(lookup, profile_name=None, cache=True, priority=0, nodes=None)
    return words, stores.of(lookup.profile_name)


def pinned_answers(
    lookups: Sequence[Lookup],
    stores: ObjectStoreConfigByProfile,
    open_leases: Iterable[
        tuple[Sequence[Lookup], ObjectStoreConfigByProfile, Sequence[Sequence[FoundObject]]]
    ],
) -> list[Sequence[FoundObject] | None]:
    """For each lookup what an open lease found for it; None if none has asked.

    Args:
        lookups: of the lease that joins.
        stores: that it names.
        open_leases: lookups, stores and answers of the others, the oldest first.
    """
    answers: dict[Question, Sequence[FoundObject]] = {}
    for theirs, their_stores, found in open_leases:
        for lookup, answer in zip(theirs, found, strict=True):
            answers.setdefault(question(lookup, their_stores), answer)
    return [answers.get(question(lookup, stores)) for lookup in lookups]
