"""Finds the objects of lookups: at a hub by `xfd_dataplane.hub`, at all other origins in Rust."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_api.chunks import FoundObject
from xfd_api.lookups import Lookup
from xfd_api.ports import ObjectFinder
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.stores import StoreKind


def find_objects(
    node: ObjectFinder, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
) -> list[list[FoundObject]]:
    """The objects that each lookup finds, in the order of the lookups; [] for an empty prefix.

    Args:
        node: finds what is at no hub.
        lookups: of all kinds.
        stores: every profile that they name.

    Raises:
        XfdError: an origin could not be asked, or has no such object.
    """
    at_hub = [stores.of(each.profile_name).kind is StoreKind.HUB for each in lookups]
    hub_lookups = [each for each, is_hub in zip(lookups, at_hub, strict=True) if is_hub]
    others = [each for each, is_hub in zip(lookups, at_hub, strict=True) if not is_hub]
    if not hub_lookups:
        return node.find_objects(lookups, stores)
    # Imported here: huggingface_hub takes half a second, and is on the finder's node only.
    from xfd_dataplane.hub.find import find_at_hub

    found_there = iter(find_at_hub(hub_lookups, stores))
    found_elsewhere = iter(node.find_objects(others, stores) if others else ())
    return [next(found_there if is_hub else found_elsewhere) for is_hub in at_hub]
