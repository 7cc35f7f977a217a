"""Whatever is in a record or a manifest: what cannot be read counts as missing, on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xfd_api.chunks import Checksum
from xfd_dataplane.records import Record, TreeEntry, read_manifest, read_record

WHOLE: dict[str, Any] = {
    "format": 1,
    "size": 5,
    "etag": '"e"',
    "last_modified_ns": 7,
    "file": [5, 9],
    "chunks": [[5, 255]],
    "tree": {
        "destination": "/t",
        "bytes": 5,
        "entries": [{"path": [97, 255], "kind": "f", "size": 5, "mtime_ns": 1}],
    },
    "pins": [{"algorithm": "sha256", "value": "ab"}],
}
LINE = ["name", 5, '"e"', 7, 9, [[5, 255]]]
PLAIN = Record(5, '"e"', 7, (5, 9), ((5, 255),), None, ())

places = st.sampled_from(
    [
        *((key,) for key in WHOLE),
        ("file", 0),
        ("chunks", 0),
        ("chunks", 0, 1),
        ("tree", "destination"),
        ("tree", "entries"),
        ("tree", "entries", 0),
        *(("tree", "entries", 0, key) for key in ("path", "kind", "size", "mtime_ns")),
        ("pins", 0),
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def changed(document: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """A copy with one value in place of another."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return copy


def check(record: Record) -> None:
    """Everything has its type."""
    assert type(record.size) is int
    assert record.etag is None or type(record.etag) is str
    assert record.last_modified_ns is None or type(record.last_modified_ns) is int
    assert record.file is None or list(map(type, record.file)) == [int, int]
    assert all(list(map(type, chunk)) == [int, int] for chunk in record.chunks)
    for entry in record.entries:
        assert (type(entry.path), type(entry.size), type(entry.mtime_ns)) == (str, int, int)
    assert all(type(pin.value) is str for pin in record.pins)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=places, value=values)
def test_a_record_with_any_value_in_it_is_read_or_counts_as_none(
    tmp_path: Path, place: tuple[str | int, ...], value: Any
) -> None:
    document = changed(WHOLE, place, value)
    (tmp_path / ".name.xfd").write_text(json.dumps(document))
    manifest = [json.dumps({"path": "name", "record": document}), json.dumps(["other", *LINE[1:]])]
    folder = tmp_path / "group"
    folder.mkdir(exist_ok=True)
    (tmp_path / ".group.xfd").write_text("\n".join(manifest) + "\n")

    record = read_record(tmp_path / "name")
    records = read_manifest(folder)

    assert records.pop(folder / "other") == PLAIN
    assert list(records.values()) == ([record] if record else [])
    if record:
        check(record)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 5), value=values)
def test_a_line_with_any_value_in_it_leaves_the_others(
    tmp_path: Path, place: int, value: Any
) -> None:
    line = changed(LINE, (place,), value)
    folder = tmp_path / "group"
    folder.mkdir(exist_ok=True)
    text = f"{json.dumps(line)}\n{json.dumps(['last', *LINE[1:]])}\n"
    (tmp_path / ".group.xfd").write_text(text)

    records = read_manifest(folder)

    assert records[folder / "last"] == PLAIN
    for record in records.values():
        check(record)


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "null", "{}", '{"format": 1}', "\xff"])
def test_what_is_no_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ".name.xfd").write_bytes(text.encode("latin-1"))
    folder = tmp_path / "group"
    folder.mkdir()
    (tmp_path / ".group.xfd").write_bytes(text.encode("latin-1") + b"\n")

    assert read_record(tmp_path / "name") is None
    assert read_manifest(folder) == {}


def test_a_whole_record_is_read(tmp_path: Path) -> None:
    (tmp_path / ".name.xfd").write_text(json.dumps(WHOLE))

    assert read_record(tmp_path / "name") == Record(
        size=5,
        etag='"e"',
        last_modified_ns=7,
        file=(5, 9),
        chunks=((5, 255),),
        tree=Path("/t"),
        entries=(TreeEntry("a\udcff", "f", 5, 1),),
        pins=(Checksum("sha256", "ab"),),
    )
