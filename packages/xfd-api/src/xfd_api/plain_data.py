"""Dataclasses and errors as JSON has them, and back. The types of the fields say what is valid.

A field that the reader does not know is ignored, and one with a default may be absent, so a later
version of xfd can add fields. An error that the reader does not know becomes a plain `XfdError`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from typing import Any, TypeVar

from xfd_api import errors
from xfd_api.error_base import XfdError

T = TypeVar("T")
_NUMBERS = 2**63
_ERROR_FIELDS = ("object", "node", "path", "remedy")


class WrongDataError(Exception):
    """A value is not what its place asks for; the text says where and why."""


def to_plain(value: Any) -> Any:
    """The value in terms of dictionaries, lists, strings, numbers, booleans and None.

    Example:
        >>> from xfd_api.traffic import Prices
        >>> to_plain(Prices(origin_per_gb=0.09))["origin_per_gb"]
        0.09
    """
    if isinstance(value, XfdError):
        return {"error": type(value).__name__, "what": value.what, **value.fields()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: to_plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, tuple):
        return [to_plain(each) for each in value]
    return value


def from_plain(kind: type[T], value: Any) -> T:
    """The inverse of `to_plain`.

    Args:
        kind: the dataclass to make.
        value: what a JSON document contains.

    Raises:
        WrongDataError: the value is none of this kind.
    """
    made: T = _read(kind, value, "")
    return made


@functools.cache
def _types_of(kind: type) -> dict[str, tuple[Any, bool]]:
    """The type of each field, and whether it must be there."""
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        field.name: (
            hints[field.name],
            field.default is missing and field.default_factory is missing,
        )
        for field in dataclasses.fields(kind)
    }


def _read(kind: Any, value: Any, place: str) -> Any:
    if isinstance(kind, typing.NewType):
        return _read(kind.__supertype__, value, place)
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (each for each in typing.get_args(kind) if each is not type(None))
        return None if value is None else _read(inner, value, place)
    if origin is typing.Literal:
        if value not in typing.get_args(kind):
            raise WrongDataError(_text(place, value, f"one of {typing.get_args(kind)}"))
        return value
    if origin is tuple:
        inner = typing.get_args(kind)[0]
        if not isinstance(value, list):
            raise WrongDataError(_text(place, value, "a list"))
        return tuple(_read(inner, each, f"{place}[{k}]") for k, each in enumerate(value))
    if kind is XfdError:
        return _read_error(value, place)
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, value, place)
    if kind is float and type(value) is int and abs(value) < _NUMBERS:
        return float(value)
    if type(value) is not kind:
        raise WrongDataError(_text(place, value, f"a value of the type {kind.__name__}"))
    # Readers of JSON disagree on what lies beyond, and Python's own accepts NaN.
    if kind is float and not math.isfinite(value):
        raise WrongDataError(_text(place, value, "a finite number"))
    if kind is int and not -_NUMBERS <= value < _NUMBERS:
        raise WrongDataError(_text(place, value, "a whole number of 64 bits"))
    return value


def _read_fields(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise WrongDataError(_text(place, value, "an object with fields"))
    given = {}
    for name, (inner, is_needed) in _types_of(kind).items():
        where = f"{place}.{name}" if place else name
        if name in value:
            given[name] = _read(inner, value[name], where)
        elif is_needed:
            raise WrongDataError(f"{where} is missing")
    try:
        return kind(**given)
    except XfdError as error:
        raise WrongDataError(f"{place}: {error.what}") from error


def _read_error(value: Any, place: str) -> XfdError:
    if not isinstance(value, dict) or not isinstance(value.get("what"), str):
        raise WrongDataError(_text(place, value, "an error with the field what"))
    fields = {name: value.get(name) for name in _ERROR_FIELDS}
    for name, each in fields.items():
        if each is not None and not isinstance(each, str):
            raise WrongDataError(_text(f"{place}.{name}", each, "a text or null"))
    named = value.get("error")
    kind = getattr(errors, named, None) if isinstance(named, str) else None
    if not (isinstance(kind, type) and issubclass(kind, XfdError)):
        kind = XfdError
    made: XfdError = kind(value["what"], **fields)
    return made


def _text(place: str, value: Any, wanted: str) -> str:
    shown = repr(value)
    if len(shown) > 40:
        shown = f"{shown[:40]}…"
    return f"{place or 'the document'} is {shown} instead of {wanted}"
