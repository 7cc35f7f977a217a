"""Sets of small integers as Python integers: a single AND compares thousands of members."""

from __future__ import annotations

from collections.abc import Collection


def lowest(mask: int) -> int:
    """The smallest member; -1 if there is none."""
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


def mask_of(members: Collection[int]) -> int:
    """The bit set of these members, made in one pass however many there are."""
    if not members:
        return 0
    cells = bytearray(max(members) // 8 + 1)
    for member in members:
        cells[member >> 3] |= 1 << (member & 7)
    return int.from_bytes(cells, "little")


def cells_of(mask: int, size: int) -> bytes:
    """The members below `size`, for many calls of `has`: a shift of a long integer copies it."""
    return (mask & (1 << size) - 1).to_bytes(size // 8 + 1, "little")


def has(cells: bytes, member: int) -> bool:
    """Whether a number below the size of `cells_of` is a member.

    >>> [member for member in range(5) if has(cells_of(0b1010, 5), member)]
    [1, 3]
    """
    return bool(cells[member >> 3] >> (member & 7) & 1)


def run_length(mask: int, first: int, limit: int) -> int:
    """How many of `first`, `first + 1` ... are members without a gap, at most `limit`."""
    window = (mask >> first) & ((1 << limit) - 1)
    return lowest(~window)


def sample(mask: int, start: int, count: int) -> list[int]:
    """Up to `count` members: those from `start` upwards, then the smallest."""
    if mask.bit_count() <= count:
        return positions(mask)
    found: list[int] = []
    upper = (mask >> start) << start
    lower = mask ^ upper
    for part in (upper, lower):
        while part and len(found) < count:
            low = part & -part
            found.append(low.bit_length() - 1)
            part ^= low
    return found
