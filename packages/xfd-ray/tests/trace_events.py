"""Checks a trace against the Trace Event Format, as far as the format says what is valid.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

METADATA = {
    "process_name": {"name": str},
    "process_labels": {"labels": str},
    "process_sort_index": {"sort_index": int},
    "thread_name": {"name": str},
    "thread_sort_index": {"sort_index": int},
}
"""The section "Metadata Events": their names and arguments."""


def check_trace(events: list[dict[str, Any]]) -> None:
    """Asserts that all events are valid, and that the slices of each thread nest."""
    slices: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        assert type(event["pid"]) is int
        assert type(event["tid"]) is int
        assert type(event["name"]) is str
        assert type(event["args"]) is dict
        phase = event["ph"]
        if phase == "M":
            kinds = METADATA[event["name"]]
            assert {key: type(value) for key, value in event["args"].items()} == kinds
            continue
        assert type(event["ts"]) is int
        assert event["ts"] >= 0
        assert type(event["cat"]) is str
        if phase == "X":
            assert type(event["dur"]) is int
            assert event["dur"] >= 0
            ends = event["ts"] + event["dur"]
            slices[event["pid"], event["tid"]].append((event["ts"], ends))
        elif phase == "i":
            assert event["s"] in ("g", "p", "t")
        elif phase == "C":
            assert event["args"]
            assert all(type(value) in (int, float) for value in event["args"].values())
        else:
            raise AssertionError(f"no such phase: {phase}")
    for thread, spans in slices.items():
        open_until: list[int] = []
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1], f"slices of {thread} overlap"
            open_until.append(end)
