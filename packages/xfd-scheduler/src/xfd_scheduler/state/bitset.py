"""Sets of small integers as Python integers: one AND looks at thousands of members at once."""

from __future__ import annotations


def lowest(mask: int) -> int:
    """The smallest member; -1 where there is none."""
    return (mask & -mask).bit_length() - 1


def positions(mask: int) -> list[int]:
    """All members, smallest first."""
    if not mask:
        return []
    if mask.bit_count() <= 8:
        found = []
        while mask:
            low = mask & -mask
            found.append(low.bit_length() - 1)
            mask ^= low
        return found
    return [place for place, digit in enumerate(bin(mask)[:1:-1]) if digit == "1"]


def run_length(mask: int, first: int, limit: int) -> int:
    """How many of `first`, `first + 1` ... are members without a gap, at most `limit`."""
    window = (mask >> first) & ((1 << limit) - 1)
    return lowest(~window)


def sample(mask: int, start: int, count: int) -> list[int]:
    """Up to `count` members, taken from `start` upwards and around."""
    if mask.bit_count() <= count:
        return positions(mask)
    found: list[int] = []
    rest = (mask >> start) << start
    wrapped = mask ^ rest
    for part in (rest, wrapped):
        while part and len(found) < count:
            low = part & -part
            found.append(low.bit_length() - 1)
            part ^= low
    return found
