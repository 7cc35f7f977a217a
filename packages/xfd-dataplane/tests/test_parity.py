"""What the native part reads and writes is what the dataclasses have, field by field."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import re
import typing
from pathlib import Path

import pytest

from xfd_api import (
    chunks,
    errors,
    lookups,
    node_report,
    orders,
    reports,
    settings,
    store_access,
    stores,
)
from xfd_dataplane._native import FIELDS

CROSSING = [
    *(chunks.Checksum, chunks.FoundObject, chunks.Unpack, chunks.CatalogObject, chunks.Span),
    *(chunks.Chunk, chunks.Catalog),
    *(lookups.Lookup, stores.ObjectStoreConfig),
    *(store_access.HttpAccess, store_access.HubAccess),
    *(store_access.GcsAccess, store_access.AzureAccess),
    *(settings.UnpackCaps, settings.NodeSettings, settings.SwarmTicket, settings.PeerIdentity),
    *typing.get_args(orders.Order),
    *(reports.HeldRun, reports.Inventory, reports.NodeCounters, reports.LogEvent),
    node_report.Stall,
    *typing.get_args(reports.NodeEvent),
]

STAYING = {lookups.Lookup: {"nodes"}}
"""Fields that the native part does not read: which nodes get what is found is the coordinator's."""


def full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("kind", CROSSING, ids=full_name)
def test_every_field_of_a_class_that_crosses_is_known_to_the_native_part(kind: type) -> None:
    known = FIELDS[full_name(kind)]

    fields = {field.name for field in dataclasses.fields(kind)} - STAYING.get(kind, set())
    assert sorted(known) == sorted(fields)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_the_native_part_knows_nothing_that_is_not_there(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    kind = getattr(importlib.import_module(module), attribute)

    if isinstance(kind, enum.EnumMeta):
        assert sorted(FIELDS[name]) == sorted(str(value) for value in kind._value2member_map_)
    elif dataclasses.is_dataclass(kind):
        assert kind in CROSSING
    else:
        assert sorted(FIELDS[name]) == sorted(typing.get_args(kind))


def test_the_native_part_raises_only_classes_that_are_there() -> None:
    source = Path(__file__).parents[1] / "crates/xfd-dataplane-py/src/errors.rs"

    named = re.findall(r'=> "(\w+)"', source.read_text())

    assert len(named) == len(set(named)) > 20
    for name in named:
        assert issubclass(getattr(errors, name), errors.XfdError)
