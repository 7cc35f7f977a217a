"""Whether objects of two calls can lie at their destinations together. Pure.

Calls of one swarm share a catalog, which compares all its objects (`catalog_union`). Calls with
other settings have swarms of their own. If both swarms have the same root on a node, their files
lie in the same folders there, and the data plane lets only one of them write. Without a comparison
here, the second call would wait until the first is over, and would not say so.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from xfd_api.chunks import CatalogObject, FoundObject
from xfd_api.destination_conflicts import refuse_conflicts
from xfd_api.errors import DestinationConflictError, VersionConflictError
from xfd_api.identity import same_content, store_location
from xfd_api.ids import NodeId
from xfd_api.paths import is_in_hub_cache
from xfd_api.stores import ObjectStoreConfig, StoreKind
from xfd_ray.environment import Environment

StoresByName = Mapping[str | None, ObjectStoreConfig]
"""By the names that stores have in a swarm's catalog."""

CHOICES = (
    "Wait for the end of that call with on_version_conflict='wait', or give another destination"
)


_SCHEMES = {
    StoreKind.S3: "s3",
    StoreKind.GCS: "gs",
    StoreKind.AZURE: "az",
    StoreKind.HUB: "hf",
}
"""Of stores whose objects have an address that a uri can have."""


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
            here, there = _Located(own_root, mine.stores), _Located(other_root, other.stores)
            objects = list(_versions(objects, here, other.objects, there, as_pinned))
            _refuse_other_objects(objects, here, other.objects, there)
    return objects


@dataclass(frozen=True, slots=True)
class _Located:
    """Objects of one swarm on nodes that have this root."""

    root: str
    stores: StoresByName

    def place(self, destination: str) -> str:
        """The absolute path of a destination."""
        if destination.startswith("/") or is_in_hub_cache(destination) or not self.root:
            return destination
        return f"{self.root.rstrip('/')}/{destination}"

    def absolute(self, item: CatalogObject) -> CatalogObject:
        """The object with absolute paths."""
        tree = item.unpack
        return replace(
            item,
            destination=self.place(item.destination),
            group=None if item.group is None else self.place(item.group),
            unpack=None
            if tree is None
            else replace(tree, destination=self.place(tree.destination)),
        )

    def identity(self, item: CatalogObject) -> Hashable:
        """What two versions of an object have in common, in whichever swarm each of them is."""
        item = self.absolute(item)
        if is_in_hub_cache(item.destination):
            return (item.destination, item.unpack)  # The name of the content.
        location = store_location(self.stores[item.profile_name], item.bucket)
        return (location, item.found.key, item.unpack, item.destination)


def _versions(
    objects: Iterable[CatalogObject],
    here: _Located,
    others: Iterable[CatalogObject],
    there: _Located,
    as_pinned: bool,
) -> Iterator[CatalogObject]:
    theirs = {there.identity(each): each for each in others}
    for item in objects:
        pinned = theirs.get(here.identity(item), item)
        if same_content(pinned, item):
            yield item
        elif as_pinned:
            yield replace(item, found=pinned.found)
        else:
            raise other_version(pinned, item, here.stores)


def _refuse_other_objects(
    objects: Sequence[CatalogObject],
    here: _Located,
    others: Iterable[CatalogObject],
    there: _Located,
) -> None:
    """Refuses what is still in the way once versions agree: other objects, folders and trees."""
    shared = {here.identity(item) for item in objects}
    rest = [each for each in others if there.identity(each) not in shared]
    owners = {there.place(each.destination): each for each in rest}
    for item in objects:
        owner = owners.get(here.place(item.destination))
        if owner is not None:
            raise other_object(owner, there.stores, item, here.stores)
    theirs, own = [*map(there.absolute, rest)], [*map(here.absolute, objects)]
    ours = set(map(id, own))
    try:
        # Those of one swarm have been compared already.
        refuse_conflicts(theirs + own, lambda one, two: (id(one) in ours) != (id(two) in ours))
    except DestinationConflictError as error:
        raise DestinationConflictError(
            f"{error.what}: one belongs to a call that is still open, with other settings",
            object=error.object,
            path=error.path,
            remedy=CHOICES,
        ) from error


def other_version(
    pinned: CatalogObject, requested: CatalogObject, stores: StoresByName
) -> VersionConflictError:
    """Two calls want two versions of one object at one place."""
    return VersionConflictError(
        f"A call that is still open brings another version of {address(requested, stores)} there: "
        f"{_version(pinned.found)}, while the store has {_version(requested.found)} by now",
        object=requested.found.key,
        path=requested.destination,
        remedy="Take the version of that call with on_version_conflict='pinned', wait for its end "
        "with on_version_conflict='wait', or give another destination",
    )


def without_checksum(requested: CatalogObject, stores: StoresByName) -> VersionConflictError:
    """Another call brings the object, and does not verify it against this call's checksum."""
    return VersionConflictError(
        f"A call that is still open brings {address(requested, stores)} there without this "
        "checksum",
        object=requested.found.key,
        path=requested.destination,
        remedy="Give both calls the checksum, wait for the end of the other one with "
        "on_version_conflict='wait', or give another destination",
    )


def other_object(
    owner: CatalogObject, their_stores: StoresByName, requested: CatalogObject, stores: StoresByName
) -> DestinationConflictError:
    """Two calls want different content at one place."""
    theirs, own = address(owner, their_stores), address(requested, stores)
    what = (
        f"A call that is still open brings {theirs} there, and unpacks it otherwise"
        if theirs == own
        else f"A call that is still open brings {theirs} there, and this one asks for {own}"
    )
    return DestinationConflictError(
        what, object=requested.found.key, path=requested.destination, remedy=CHOICES
    )


def address(item: CatalogObject, stores: StoresByName) -> str:
    """An object's bucket and key, or key alone, as an error names them."""
    config = stores[item.profile_name]
    scheme = _SCHEMES.get(config.kind)
    if scheme is None:
        return item.found.key
    return f"{scheme}://{item.bucket or config.bucket}/{item.found.key}"


def _version(found: FoundObject) -> str:
    mark = f"ETag {found.etag}" if found.etag else f"time {found.last_modified_ns}"
    return f"{found.size} bytes with {mark}"


def _shared_roots(mine: Claim, other: Claim) -> set[tuple[str, str]]:
    """The pairs of roots on nodes that both have.

    A root that is not known yet gets a name of its own, so that absolute destinations are compared
    and relative ones differ.
    """
    alike = mine.environment == other.environment
    pairs = set()
    for node in mine.roots.keys() & other.roots.keys():
        own, theirs = mine.roots[node], other.roots[node]
        if alike:
            own, theirs = own or theirs or "", theirs or own or ""
        pairs.add(
            (
                "(own root)" if own is None else own,
                "(their root)" if theirs is None else theirs,
            )
        )
    return pairs
