"""What the commands of `cache` print for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from xfd_dataplane.cache.actions import CacheAction, Document
from xfd_dataplane.progress.words import human


def lines(action: CacheAction, document: Document, *, now: float) -> Iterator[str]:
    """The lines of an answer.

    Args:
        action: what was asked.
        document: the answer of `carry_out`.
        now: seconds since 1970.
    """
    match action.command:
        case "ls":
            yield from _listing(document, now)
        case "du":
            yield from _usage(document)
        case "rm" | "prune":
            done = "would remove" if action.only_looks else "removed"
            for each in document["removed"]:
                yield f"{done} {each['path']} ({human(each['bytes'])})"
            yield f"{done} {len(document['removed'])}, {human(document['bytes'])}"
        case "pin" | "unpin":
            done = "pinned" if document["pinned"] else "unpinned"
            for path in document["entries"]:
                yield f"{done} {path}"
        case "records":
            done = "found" if action.only_looks else "removed"
            for each in document["leftovers"]:
                yield f"{done} {each['what']} {each['path']} ({human(each['bytes'])})"
            yield f"{done} {len(document['leftovers'])}, {human(document['bytes'])}"


def complaints(document: Document) -> Iterator[str]:
    """What was asked and not done."""
    for each in document.get("kept", ()):
        yield f"kept {each['path']}: {each['why']}"


def _listing(document: Document, now: float) -> Iterator[str]:
    for each in document["entries"]:
        marks = [mark for mark in ("pinned", "in_use") if each[mark]]
        note = f"  ({', '.join(marks).replace('_', ' ')})" if marks else ""
        source = f"  from {each['source']}" if each["source"] else ""
        ago = _ago(now - _seconds(each["used_at"]))
        size = human(each["bytes"])
        yield f"{size:>10}  {ago:>8}  {each['kind']:<8}  {each['path']}{source}{note}"
    count = len(document["entries"])
    yield f"{human(document['bytes']):>10}  in {count} {'entry' if count == 1 else 'entries'}"


def _usage(document: Document) -> Iterator[str]:
    quota, age = document["quota_bytes"], document["max_age_s"]
    limit = "no quota" if quota is None else f"quota {human(quota)}"
    used = f"{human(document['bytes'])} in {document['objects']} files, {limit}"
    yield used if age is None else f"{used}, unused for at most {_ago(age)}"
    yield f"  pinned     {human(document['pinned_bytes'])}"
    yield f"  in use     {human(document['used_bytes'])}"
    yield f"  elsewhere  {human(document['elsewhere_bytes'])} (not counted, never pruned)"
    yield f"  disk free  {human(document['disk_free_bytes'])}"
    yield f"  root       {document['root']}"
    yield f"  hub cache  {document['hub_cache']}"


def _seconds(time: str) -> float:
    import datetime

    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


def _ago(seconds: float) -> str:
    """A time in its largest unit.

    Example:
        >>> [_ago(each) for each in (3, 5 * 60, 7200, 40 * 86400)]
        ['3 s', '5 min', '2 h', '40 d']
    """
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
