"""Reports to save, format and draw: small ones by hand, and any that Hypothesis can think of."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from hypothesis import strategies as st

from xfd_api import errors
from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_api.results import DistributionReport, NodeResult, ObjectResult
from xfd_api.timeline import Failures, Landings, NodeTimes, Timeline, Transfers

MIB = 2**20
LEAVES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, XfdError)
]

numbers = st.floats(min_value=0, max_value=1e9, allow_nan=False)
counts = st.integers(min_value=0, max_value=2**53)
texts = st.text(st.characters(), max_size=20)  # with lone surrogates, as file names have them
raised = st.builds(
    lambda kind, what, fields: kind(what, **fields),
    st.sampled_from(LEAVES),
    texts,
    st.fixed_dictionaries(
        {name: st.none() | texts for name in ("object", "node", "path", "remedy")}
    ),
)


def reports() -> st.SearchStrategy[DistributionReport]:
    """Any report whose timeline refers to its own nodes and objects."""
    return st.builds(
        lambda report, timeline: dataclasses.replace(report, timeline=timeline),
        values_of(DistributionReport),
        st.none() | st.just(Timeline()),
    ).map(lambda report: report if report.timeline is None else _timed(report))


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type of a field, or of a dataclass."""
    if kind is XfdError:
        return raised
    if kind is Timeline:
        return st.none()
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(
            kind, **{each.name: values_of(hints[each.name]) for each in dataclasses.fields(kind)}
        )
    if isinstance(kind, typing.NewType):
        return values_of(kind.__supertype__)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*(values_of(each) for each in inner))
    if origin is tuple:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    return {
        float: numbers,
        int: counts,
        str: texts,
        bool: st.booleans(),
        type(None): st.none(),
    }[kind]


def comparable(value: Any) -> Any:
    """The value with each error as its type, text and fields: errors are equal to themselves."""
    if isinstance(value, XfdError):
        return type(value), value.what, value.fields()
    if dataclasses.is_dataclass(value):
        names = [each.name for each in dataclasses.fields(value)]
        return type(value), [comparable(getattr(value, name)) for name in names]
    if isinstance(value, tuple):
        return tuple(comparable(each) for each in value)
    return value


def node(name: str, **changed: Any) -> NodeResult:
    """A node that has received 8 MiB."""
    given = {
        "node": NodeId(name),
        "state": "done",
        "elapsed_s": 1.5,
        "objects": 1,
        "files": 1,
        "bytes": 8 * MIB,
        "origin_bytes": 4 * MIB,
        "peer_bytes": 4 * MIB,
        "served_bytes": 4 * MIB,
        "cached_bytes": 0,
        "origin_chunks": 1,
        "peer_chunks": 1,
    }
    return NodeResult(**{**given, **changed})


def small_report(**changed: Any) -> DistributionReport:
    """Two nodes that have read a chunk each from the origin, and sent it to the other."""
    nodes = (node("a" * 56, host="gpu-17"), node("b" * 56, host="gpu-18"))
    given = {
        "elapsed_s": 2.0,
        "bound_s": 1.5,
        "bound_source": "observed",
        "catalog_bytes": 8 * MIB,
        "missing_bytes": 8 * MIB,
        "origin_bytes": 8 * MIB,
        "peer_bytes": 8 * MIB,
        "cached_bytes": 0,
        "retries": 1,
        "nodes": nodes,
        "objects": (ObjectResult("models/a.bin", "/data/a.bin", 8 * MIB, 8 * MIB, 2, 0),),
        "timeline": Timeline(
            nodes=tuple(each.node for each in nodes),
            chunks=2,
            times=NodeTimes((0.0, 0.0), (2.0, 1.9)),
            transfers=Transfers(
                node=(0, 1, 0, 1),
                chunk=(0, 1, 1, 0),
                object=(0, 0, 0, 0),
                source=(-1, -1, 1, 0),
                start_s=(0.2, 0.2, 1.0, 1.0),
                seconds=(0.7, 0.7, 0.8, 0.9),
                waited_s=(0.1, 0.1, 0.2, 0.2),
                bytes=(4 * MIB,) * 4,
                total=4,
            ),
            landings=Landings((0, 1), (0, 0), (2.0, 1.9), total=2),
            failures=Failures((1,), (1,), (-1,), (0.15,), ("OriginThrottledError",), total=1),
        ),
    }
    return DistributionReport(**{**given, **changed})


def _timed(report: DistributionReport) -> DistributionReport:
    times = NodeTimes((0.0,) * len(report.nodes), (None,) * len(report.nodes))
    nodes = tuple(each.node for each in report.nodes)
    return dataclasses.replace(report, timeline=Timeline(nodes=nodes, times=times))
