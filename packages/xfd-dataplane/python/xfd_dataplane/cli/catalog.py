"""From the requests of a command line to a catalog: what the stores have of them."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping, Sequence

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import XfdError
from xfd_api.lookups import Lookup, plan_downloads
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.stores import StoreKind
from xfd_dataplane.cancellation import CallLimits
from xfd_dataplane.cli.operands import at_line
from xfd_dataplane.cli.selection import Wanted, select
from xfd_dataplane.listing import explained
from xfd_dataplane.node import Node


def catalog_for(
    options: argparse.Namespace, sources: Sequence[Wanted], node: Node, limits: CallLimits
) -> Catalog:
    """The catalog of what the options of `get` name.

    Raises:
        InvalidRequestError: several objects are to go to standard output, or options contradict
            each other.
        XfdError: a store could not be asked, or has nothing of it.
    """
    selection = select(options, sources, node, limits)
    plan = plan_downloads(selection.requests, selection.stores)
    unknown = {
        place: lookup for place, lookup in enumerate(plan.lookups) if selection.found[place] is None
    }
    with _at_the_line_of(unknown, selection.lines):
        answers = limits.run(lambda: _find_all(node, list(unknown.values()), plan.stores))
    found = [[] if match is None else [match] for match in selection.found]
    for place, answer in zip(unknown, answers, strict=True):
        found[place] = answer
    return build_catalog(plan.lookups, found, chunk_size_bytes=options.chunk_size)


@contextlib.contextmanager
def _at_the_line_of(lookups: Mapping[int, Lookup], lines: Sequence[str | None]) -> Iterator[None]:
    """Names the line of a file with the object that an error is about."""
    try:
        yield
    except XfdError as error:
        named = (lines[place] for place, it in lookups.items() if it.named == error.object)
        with at_line(next(named, None)):
            raise


def _find_all(
    node: Node, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
) -> list[list[FoundObject]]:
    if not lookups:
        return []
    keys = {
        lookup.key
        for lookup in lookups
        if not lookup.is_prefix and stores.of(lookup.profile_name).kind is not StoreKind.HTTP
    }
    with explained(*keys):
        return node.find_objects(lookups, stores)
