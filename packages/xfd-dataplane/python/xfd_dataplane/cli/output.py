"""Prints results: lines for a person, one JSON document for a program."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from xfd_api import errors
from xfd_api.chunks import Catalog, FoundObject
from xfd_api.paths import hub_cache
from xfd_api.progress import OnProgress
from xfd_api.progress_modes import ProgressMode
from xfd_api.results import DistributionReport
from xfd_api.sanitize import sanitized, sanitized_json
from xfd_dataplane.progress import progress_display
from xfd_dataplane.progress.lines import EVERY_S
from xfd_dataplane.progress.outlet import to_stderr
from xfd_dataplane.progress.words import human

if TYPE_CHECKING:
    from xfd_dataplane.verification import VerifyReport

_OWN_REMEDIES: dict[type[errors.XfdError], str] = {
    errors.UnknownArchiveError: "Name the format with --unpack-method",
    errors.ArchiveCorruptError: "Check the object, or name its format with --unpack-method",
    errors.OriginThrottledError: "Lower --parallel, or raise the store's request limit",
    errors.NoNodesError: "Check --nodes, and that the Ray nodes are alive",
    errors.NodeLostError: "Run again, on the nodes that are left",
    errors.NodeUnavailableError: "Leave the node out with --nodes, or run again when it is back",
    errors.PeerPortError: "Give --peer-ports a range with a free port",
    errors.DeadlineExceededError: "Allow more with --deadline; a second run goes on from here",
}


def say(line: str) -> None:
    """Prints a line to stdout."""
    sys.stdout.write(sanitized(line) + "\n")


def complain(line: str, *, program: str = "xfd-get") -> None:
    """Prints a line to stderr, after the command's name."""
    to_stderr(f"{program}: {' '.join(line.split())}")


def as_json(document: dict[str, Any]) -> None:
    """Prints one document to stdout, on one line."""
    import json

    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    written = json.dumps(document, ensure_ascii=not is_unicode)
    sys.stdout.write(sanitized_json(written) + "\n")


def progress(
    given: ProgressMode | None,
    configured: ProgressMode | None,
    *,
    shown: bool,
    otherwise: ProgressMode = "auto",
) -> AbstractContextManager[OnProgress | None]:
    """Shows progress on stderr during a block, see `progress_display`.

    Without a terminal the first ten seconds print nothing: scripts call the command often, and a
    short run has its one line of result. Who asks for a display by its name gets it at once.

    Args:
        given: the display that `--progress` names.
        configured: the display that is configured.
        shown: whether there is one if `--progress` names none.
        otherwise: the display if none is configured either.
    """
    if given is None and not shown:
        return progress_display("none")
    return progress_display(
        given or configured or otherwise, stays=False, silent_s=0.0 if given else EVERY_S
    )


def error_line(error: errors.XfdError, *, names_node: bool = False) -> str:
    """What happened, where, and what to do; the node is left out if it can only be this host."""
    places = [
        f"{name} {value}"
        for name, value in _places(error, names_node=names_node).items()
        if value is not None
    ]
    where = f" ({', '.join(places)})" if places else ""
    remedy = remedy_of(error)
    return f"{error.what}{where}" + (f". {remedy}" if remedy else "")


def remedy_of(error: errors.XfdError) -> str | None:
    """The remedy, with the command's options in place of the Python interface's arguments."""
    if error.remedy == type(error).remedy_by_default:
        return _OWN_REMEDIES.get(type(error), error.remedy)
    return error.remedy


def error_document(error: errors.XfdError, *, names_node: bool = False) -> dict[str, Any]:
    """A document that says that a command failed, and why."""
    return {"ok": False, "error": error_fields(error, names_node=names_node)}


def error_fields(error: errors.XfdError, *, names_node: bool = False) -> dict[str, Any]:
    """An error's type and fields."""
    return {
        "type": type(error).__name__,
        "what": error.what,
        **_places(error, names_node=names_node),
        "remedy": remedy_of(error),
    }


def _places(error: errors.XfdError, *, names_node: bool) -> dict[str, str | None]:
    places = {"object": error.object, "path": error.path}
    return {**places, "node": error.node} if names_node else places


def report_line(report: DistributionReport) -> str:
    """What a download did, for a person."""
    if all(result.nodes_cached for result in report.objects):
        return f"{len(report.objects)} object(s), {human(report.cached_bytes)}: all here already"
    if report.origin_bytes == 0 and report.catalog_bytes > 0:
        # An earlier run fetched it, and this run moved it to its destination or unpacked it.
        return (
            f"{len(report.objects)} object(s), {human(report.catalog_bytes)}: nothing to fetch, "
            f"in place after {report.elapsed_s:.1f} s"
        )
    rate = report.origin_bytes / report.elapsed_s if report.elapsed_s > 0 else 0.0
    cached = f", {human(report.cached_bytes)} were here already" if report.cached_bytes else ""
    return (
        f"{len(report.objects)} object(s), {human(report.origin_bytes)} fetched "
        f"in {report.elapsed_s:.1f} s ({human(rate)}/s){cached}"
    )


def snapshot_lines(catalog: Catalog) -> list[str]:
    """Where the files of a hub are found by their names."""
    return [f"snapshot {folder}" for folder in _snapshot_folders(catalog)]


def _snapshot_folders(catalog: Catalog) -> list[str]:
    cache = hub_cache()
    return [str(cache / each.repo_folder / "snapshots" / each.commit) for each in catalog.snapshots]


def left_out_lines(report: DistributionReport) -> list[str]:
    """What has no place on disk, for a person."""
    return [line for result in report.objects if (line := result.left_out_line) is not None]


def report_document(report: DistributionReport, catalog: Catalog) -> dict[str, Any]:
    """What a download did, for a program; in bytes and seconds."""
    return {
        "ok": True,
        "elapsed_s": round(report.elapsed_s, 6),
        "catalog_bytes": report.catalog_bytes,
        "missing_bytes": report.missing_bytes,
        "origin_bytes": report.origin_bytes,
        "cached_bytes": report.cached_bytes,
        "retries": report.retries,
        "excluded": report.excluded,
        "left_out": list(report.left_out),
        "left_out_count": report.left_out_count,
        "snapshots": _snapshot_folders(catalog),
        "objects": [
            {
                "key": result.key,
                "destination": result.destination,
                "size": result.size,
                "origin_bytes": result.origin_bytes,
                "cached": result.nodes_cached > 0,
            }
            for result in report.objects
        ],
    }


def listing_lines(found: list[FoundObject]) -> list[str]:
    """Size in bytes, time and key of each object."""
    return [f"{each.size:>14}  {_time(each) or '-':<20}  {each.key}" for each in found]


def listing_document(found: list[FoundObject]) -> dict[str, Any]:
    """The objects for a program; times in UTC."""
    return {
        "ok": True,
        "objects": [
            {
                "key": each.key,
                "size": each.size,
                "etag": each.etag,
                "last_modified": _time(each),
            }
            for each in found
        ],
    }


def _time(found: FoundObject) -> str | None:
    if found.last_modified_ns is None:
        return None
    import datetime

    time = datetime.datetime.fromtimestamp(
        found.last_modified_ns // 10**9, tz=datetime.timezone.utc
    )
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def verify_line(report: VerifyReport) -> str:
    """What `verify` found, for a person."""
    return (
        f"{report.files} file(s), {human(report.bytes)} read, "
        f"{report.entries} entries looked at: "
        + ("all as they should be" if report.ok else f"{len(report.mismatches)} differ")
    )


def verify_document(report: VerifyReport) -> dict[str, Any]:
    """What `verify` found, for a program."""
    return {
        "ok": report.ok,
        "files": report.files,
        "bytes": report.bytes,
        "entries": report.entries,
        "mismatches": [
            {
                "path": wrong.path,
                "problem": wrong.problem,
                "detail": wrong.detail,
                "key": wrong.key,
            }
            for wrong in report.mismatches
        ],
    }
