"""Whether objects of two calls can lie at their destinations together. Pure.

Calls of one swarm share a catalog, which compares all its objects (`catalog_union`). Calls with
other settings have swarms of their own. On a node where both swarms have the same root, their files
lie in the same folders, and the data plane lets only one of them write there at a time: without a
comparison here, the second call would wait without a word until the first is over.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from xfd_api.chunks import CatalogObject, FoundObject
from xfd_api.destination_conflicts import refuse_conflicts
from xfd_api.errors import DestinationConflictError, VersionConflictError
from xfd_api.identity import store_location
from xfd_api.ids import NodeId
from xfd_api.stores import ObjectStoreConfig, StoreKind
from xfd_ray.environment import Environment

StoresByName = Mapping[str | None, ObjectStoreConfig]
"""By the names that stores have in a swarm's catalog."""

CHOICES = (
    "Wait for the end of that call with on_version_conflict='wait', or give another destination"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What an open lease has on its nodes.

    Attributes:
        objects: the lease's objects.
        stores: where they are read from.
        roots: the root of each of its nodes; None if the node's worker is not up yet.
        environment: of the lease's driver. Equal ones mean equal roots.
    """

    objects: Collection[CatalogObject]
    stores: StoresByName
    roots: Mapping[NodeId, str | None]
    environment: Environment


def reconcile(mine: Claim, others: Iterable[Claim], *, as_pinned: bool) -> list[CatalogObject]:
    """The objects of a new lease beside those of other swarms.

    With `as_pinned`, an object that another swarm has in another version is taken in that version.

    Raises:
        VersionConflictError: another swarm has another version of an object at its destination.
        DestinationConflictError: another swarm has another object there.
    """
    objects = list(mine.objects)
    for other in others:
        for own_root, other_root in _shared_roots(mine, other):
            objects = list(_versions(objects, mine, own_root, other, other_root, as_pinned))
            _refuse_other_objects(objects, mine, own_root, other, other_root)
    return objects


def _versions(
    objects: Sequence[CatalogObject],
    mine: Claim,
    own_root: str,
    other: Claim,
    other_root: str,
    as_pinned: bool,
) -> Iterator[CatalogObject]:
    theirs = {_name(each, other.stores, other_root): each for each in other.objects}
    for item in objects:
        pinned = theirs.get(_name(item, mine.stores, own_root), item)
        if pinned.found == item.found:
            yield item
        elif as_pinned:
            yield replace(item, found=pinned.found)
        else:
            raise other_version(pinned, item, mine.stores)


def _refuse_other_objects(
    objects: Sequence[CatalogObject], mine: Claim, own_root: str, other: Claim, other_root: str
) -> None:
    """What is left in the way after versions agree: other objects, folders and trees."""
    own_names = {_name(item, mine.stores, own_root) for item in objects}
    rest = [
        each for each in other.objects if _name(each, other.stores, other_root) not in own_names
    ]
    owners = {_below(other_root, each.destination): each for each in rest}
    for item in objects:
        owner = owners.get(_below(own_root, item.destination))
        if owner is not None:
            raise other_object(owner, other.stores, item, mine.stores)
    try:
        refuse_conflicts(
            [_at_root(each, other_root) for each in rest]
            + [_at_root(item, own_root) for item in objects]
        )
    except DestinationConflictError as error:
        raise DestinationConflictError(
            f"{error.what}: one belongs to a call that is still open, with other settings",
            object=error.object,
            path=error.path,
            remedy=CHOICES,
        ) from error


def other_version(
    pinned: CatalogObject, asked: CatalogObject, stores: StoresByName
) -> VersionConflictError:
    """Two calls want two versions of one object at one place."""
    return VersionConflictError(
        f"A call that is still open brings another version of {address(asked, stores)} there: "
        f"{_version(pinned.found)}, while the store has {_version(asked.found)} by now",
        object=asked.found.key,
        path=asked.destination,
        remedy="Take the version of that call with on_version_conflict='pinned', wait for its end "
        "with on_version_conflict='wait', or give another destination",
    )


def other_object(
    owner: CatalogObject, their_stores: StoresByName, asked: CatalogObject, stores: StoresByName
) -> DestinationConflictError:
    """Two calls want different content at one place."""
    theirs, own = address(owner, their_stores), address(asked, stores)
    what = (
        f"A call that is still open brings {theirs} there, and unpacks it otherwise"
        if theirs == own
        else f"A call that is still open brings {theirs} there, and this one asks for {own}"
    )
    return DestinationConflictError(
        what, object=asked.found.key, path=asked.destination, remedy=CHOICES
    )


def address(item: CatalogObject, stores: StoresByName) -> str:
    """An object's bucket and key, or key alone, as an error names them."""
    config = stores[item.profile_name]
    if config.kind is StoreKind.S3:
        return f"s3://{item.bucket or config.bucket}/{item.found.key}"
    return item.found.key


def _version(found: FoundObject) -> str:
    mark = f"ETag {found.etag}" if found.etag else f"time {found.last_modified_ns}"
    return f"{found.size} bytes with {mark}"


def _name(item: CatalogObject, stores: StoresByName, root: str) -> Hashable:
    """What two versions of an object have in common, in whichever swarm: place, key, unpacking."""
    config = stores[item.profile_name]
    return (
        store_location(config, item.bucket),
        item.found.key,
        _at_root(item, root).unpack,
        _below(root, item.destination),
    )


def _shared_roots(mine: Claim, other: Claim) -> set[tuple[str, str]]:
    """The pairs of roots on nodes that both have, as far as they are known."""
    alike = mine.environment == other.environment
    pairs = set()
    for node in mine.roots.keys() & other.roots.keys():
        own, theirs = mine.roots[node], other.roots[node]
        if alike:
            own, theirs = own or theirs or "", theirs or own or ""
        if own is not None and theirs is not None:
            pairs.add((own, theirs))
    return pairs


def _at_root(item: CatalogObject, root: str) -> CatalogObject:
    return replace(
        item,
        destination=_below(root, item.destination),
        group=None if item.group is None else _below(root, item.group),
        unpack=None
        if item.unpack is None
        else replace(item.unpack, destination=_below(root, item.unpack.destination)),
    )


def _below(root: str, place: str) -> str:
    return place if place.startswith("/") or not root else f"{root.rstrip('/')}/{place}"
