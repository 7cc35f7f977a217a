"""Progress in words: the text of a line, of bytes and of times. Pure."""

from __future__ import annotations

from xfd_api.progress import Progress
from xfd_api.stall_words import duration

STALE_S = 5.0
"""Progress that is older than this says so."""

LOOKING = "looking for objects"

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def human(size: float) -> str:
    """Bytes in the largest unit that leaves at least one.

    Example:
        >>> human(3 * 2**20)
        '3.0 MiB'
    """
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def share_of(done: int, total: int) -> str:
    """Two amounts of bytes, with one unit where they share it.

    Example:
        >>> share_of(2 * 2**20, 4 * 2**20)
        '2.0 of 4.0 MiB'
    """
    part, whole = human(done), human(total)
    return f"{part.removesuffix(whole[whole.index(' ') :])} of {whole}"


def percent(now: Progress) -> int:
    """How much of all bytes is there; 100 only if nothing is missing."""
    return 100 * now.done_bytes // now.total_bytes if now.total_bytes else 100


def counts(now: Progress) -> str:
    """What is done, what was there before, and what was tried again."""
    parts = [f"{now.objects_done} of {now.objects} objects"]
    if now.nodes > 1:
        parts.append(f"{now.nodes_done} of {now.nodes} nodes done")
    if now.cached_bytes:
        parts.append(f"{human(now.cached_bytes)} were here before")
    if now.retries:
        parts.append(f"{now.retries} {'retry' if now.retries == 1 else 'retries'}")
    return ", ".join(parts)


def pace(now: Progress) -> str:
    """The rate, while bytes arrive; empty if it is not known."""
    if now.phase != "moving" or now.bytes_per_s is None:
        return ""
    return f"{human(now.bytes_per_s)}/s"


def left(now: Progress) -> str:
    """The time that is left, while bytes arrive; empty if it is not known."""
    if now.phase != "moving" or now.left_s is None:
        return ""
    return f"about {duration(now.left_s)} left"


def is_looking(now: Progress) -> bool:
    """Whether no object is found yet."""
    return now.phase == "finding" and now.nodes == 0


def troubles(now: Progress) -> list[str]:
    """Why it does not go on, or not everywhere: a line each."""
    waits = [] if now.waits_for is None else [f"waiting for {now.waits_for}"]
    return [*waits, *now.stalls]


def line_of(now: Progress | None, age_s: float = 0.0) -> str:
    """The text of one line.

    Args:
        now: the progress; None while objects are looked for.
        age_s: how old it is, in seconds.
    """
    if now is None:
        return LOOKING
    if is_looking(now):
        return "; ".join([LOOKING, *troubles(now)])
    share = f" ({percent(now)} %)" if now.total_bytes else ""
    moved = f"{now.phase}: {share_of(now.done_bytes, now.total_bytes)}{share}"
    stale = f"no news for {duration(age_s)}" if age_s >= STALE_S else ""
    parts = [part for part in (moved, pace(now), left(now), counts(now), stale) if part]
    return "; ".join([", ".join(parts), *troubles(now)])
