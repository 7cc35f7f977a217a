"""Whether a node reaches a store; runs there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from xfd_api.errors import XfdError
from xfd_api.lookups import DownloadPlan
from xfd_dataplane.downloading import open_node


@dataclass(frozen=True, slots=True)
class Reached:
    """What a store answered to a node: the number of objects, and in how many seconds."""

    objects: int
    seconds: float


def reach_stores(plan: DownloadPlan) -> Sequence[Reached | XfdError]:
    """Looks up each of the objects and prefixes by itself, with the node's own credentials."""
    found: list[Reached | XfdError] = []
    with open_node() as node:
        for lookup in plan.lookups:
            began = time.monotonic()
            try:
                (objects,) = node.find_objects([lookup], plan.stores)
            except XfdError as error:
                found.append(error)
            else:
                found.append(Reached(len(objects), time.monotonic() - began))
    return found
