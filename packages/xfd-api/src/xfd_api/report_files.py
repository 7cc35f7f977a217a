"""Saved reports: JSON documents with a schema number.

`DistributionReport` has the methods that use this.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from xfd_api.errors import (
    DestinationError,
    ReportFileError,
    ReportSchemaError,
)
from xfd_api.json_text import parsed
from xfd_api.plain_data import WrongDataError, from_plain
from xfd_api.sanitize import sanitized_json
from xfd_api.timeline import FROM_ORIGIN, Timeline

Report = TypeVar("Report")

SCHEMA = 1
"""Number of the document's form. Added fields keep it; anything else raises it."""


def json_of(document: Mapping[str, Any]) -> str:
    """The document as JSON on one line, with unfit characters escaped."""
    return sanitized_json(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def read_report(kind: type[Report], text: str) -> Report:
    """Reads a report.

    Args:
        kind: its dataclass.
        text: a JSON document.

    Raises:
        ReportSchemaError: a later version of xfd wrote it.
        ReportFileError: it is no JSON, or no report.
    """
    try:
        document = parsed(text)
    except ValueError as error:
        raise ReportFileError(f"The report is no JSON document: {error}") from error
    if not isinstance(document, dict) or "schema" not in document:
        raise ReportFileError("The document has no field schema, so it is no report of xfd")
    schema = document["schema"]
    if type(schema) is not int or schema < 1:
        raise ReportFileError(f"The document's schema is {schema!r}, which is none of xfd")
    if schema > SCHEMA:
        raise ReportSchemaError(
            f"The report has the schema {schema}, and this version of xfd reads up to {SCHEMA}"
        )
    try:
        report: Any = from_plain(kind, document)
        if report.timeline is not None:
            _check_timeline(report.timeline, len(report.nodes), len(report.objects))
    except (WrongDataError, RecursionError) as error:
        raise ReportFileError(f"The report is broken: {error}") from error
    made: Report = report
    return made


def load_report(kind: type[Report], path: str | os.PathLike[str]) -> Report:
    """Reads a report from a file.

    Raises:
        DestinationError: the file cannot be read.
        ReportSchemaError, ReportFileError: see `read_report`.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise DestinationError(
            f"The report cannot be read: {error.strerror}", path=str(path), remedy="Check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ReportFileError(f"The report is no text: {error}", path=str(path)) from error
    try:
        return read_report(kind, text)
    except (ReportFileError, ReportSchemaError) as error:
        raise type(error)(error.what, path=str(path)) from error


def _check_timeline(timeline: Timeline, nodes: int, objects: int) -> None:
    """Each column is as long as its neighbours, and each place is one.

    Raises:
        WrongDataError: it is not.
    """
    of_all = len(timeline.nodes)
    if of_all < nodes:
        raise WrongDataError(f"timeline.nodes lacks {nodes - of_all} nodes of the report")
    moved, landed, failed = timeline.transfers, timeline.landings, timeline.failures
    for name, columns in (
        ("times", (timeline.times.joined_s, timeline.times.done_s, range(nodes))),
        ("transfers", (moved.node, moved.chunk, moved.object, moved.source, moved.start_s)),
        ("transfers", (moved.node, moved.seconds, moved.waited_s, moved.bytes)),
        ("landings", (landed.node, landed.object, landed.at_s)),
        ("failures", (failed.node, failed.chunk, failed.source, failed.at_s, failed.error)),
    ):
        if len({len(column) for column in columns}) > 1:
            raise WrongDataError(f"the columns of timeline.{name} have different lengths")
    for name, places, least, end in (
        ("transfers.node", moved.node, 0, nodes),
        ("transfers.source", moved.source, FROM_ORIGIN, of_all),
        ("transfers.chunk", moved.chunk, 0, timeline.chunks),
        ("transfers.object", moved.object, 0, objects),
        ("landings.node", landed.node, 0, nodes),
        ("landings.object", landed.object, 0, objects),
        ("failures.node", failed.node, 0, nodes),
        ("failures.chunk", failed.chunk, 0, timeline.chunks),
        ("failures.source", failed.source, FROM_ORIGIN, of_all),
    ):
        if places and not (least <= min(places) and max(places) < end):
            raise WrongDataError(f"timeline.{name} has a place outside {least} to {end - 1}")
