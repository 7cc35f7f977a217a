"""Any report that Hypothesis can think of."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from hypothesis import strategies as st

from xfd_api import errors
from xfd_api.errors import XfdError
from xfd_api.results import DistributionReport
from xfd_api.timeline import NodeTimes, Timeline

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


def _timed(report: DistributionReport) -> DistributionReport:
    times = NodeTimes((0.0,) * len(report.nodes), (None,) * len(report.nodes))
    nodes = tuple(each.node for each in report.nodes)
    return dataclasses.replace(report, timeline=Timeline(nodes=nodes, times=times))
