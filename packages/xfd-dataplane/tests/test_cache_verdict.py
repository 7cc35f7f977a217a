"""What goes from a cache to keep a quota and an age, and what never goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfd_dataplane.cache.entries import CacheEntry
from xfd_dataplane.cache.verdict import CacheLimits, UsedPlaces, to_remove

ROOT, ELSEWHERE = Path("/root/cache"), Path("/data")
NOW = 10_000.0


def entry(name: str, size: int = 10, used_at: float = 0.0, **more: object) -> CacheEntry:
    made = CacheEntry(ROOT / name, "file", "", size, 1, landed_at=0.0, used_at=used_at)
    return replace(made, **more)  # type: ignore[arg-type]


OLD, MIDDLE, NEW = entry("old", used_at=1), entry("middle", used_at=2), entry("new", used_at=3)
PINNED = entry("pinned", pinned=True)
FOREIGN = entry("foreign", is_ours=False)
FAR = replace(entry("far"), path=ELSEWHERE / "far")
FRESH = entry("fresh", used_at=NOW - 10)
TREE = entry("archive", kind="tree", tree=ROOT / "tree")
PREFIX = entry("prefix", kind="prefix")


@pytest.mark.parametrize(
    ("entries", "limits", "in_use", "going"),
    [
        ([OLD, NEW], CacheLimits(), [], []),
        ([OLD, MIDDLE, NEW], CacheLimits(quota_bytes=30), [], []),
        ([NEW, OLD, MIDDLE], CacheLimits(quota_bytes=29), [], ["old"]),
        ([NEW, OLD, MIDDLE], CacheLimits(quota_bytes=10), [], ["old", "middle"]),
        ([NEW, OLD], CacheLimits(max_age_s=NOW - 2), [], ["old"]),
        ([NEW, OLD], CacheLimits(max_age_s=NOW - 2, quota_bytes=0), [], ["old", "new"]),
        ([PINNED, NEW], CacheLimits(quota_bytes=10), [], ["new"]),
        ([FOREIGN, PINNED, FRESH], CacheLimits(quota_bytes=0, max_age_s=1), [], []),
        ([FAR], CacheLimits(quota_bytes=0, max_age_s=1), [], []),
        ([FAR, NEW], CacheLimits(quota_bytes=10), [], []),
        ([OLD, NEW], CacheLimits(quota_bytes=10), ["old"], ["new"]),
        ([TREE], CacheLimits(quota_bytes=0), ["tree"], []),
        ([TREE], CacheLimits(quota_bytes=0), ["tree/module/file"], []),
        ([PREFIX], CacheLimits(quota_bytes=0), ["prefix/one"], []),
        ([entry("used/below")], CacheLimits(quota_bytes=0), ["used"], []),
        ([PREFIX], CacheLimits(quota_bytes=0), ["prefix2/one"], ["prefix"]),
    ],
    ids=lambda value: None,
)
def test_the_least_recently_used_goes_and_what_is_protected_stays(
    entries: list[CacheEntry], limits: CacheLimits, in_use: list[str], going: list[str]
) -> None:
    used = [ROOT / place for place in in_use]

    found = to_remove(entries, limits, now=NOW, folders=[ROOT], in_use=used)

    assert [each.entry.path.name for each in found] == going


@given(
    st.lists(
        st.builds(
            lambda n, size, used, pinned, ours: entry(
                f"e{n}", size, used, pinned=pinned, is_ours=ours
            ),
            st.integers(0, 99),
            st.integers(0, 50),
            st.floats(0, NOW),
            st.booleans(),
            st.booleans(),
        ),
        unique_by=lambda each: each.path,
        max_size=12,
    ),
    st.none() | st.integers(0, 200),
    st.none() | st.floats(1, NOW),
    st.sets(st.integers(0, 99), max_size=5),
)
def test_a_limit_is_kept_unless_only_protected_entries_are_left(
    entries: list[CacheEntry], quota: int | None, age: float | None, used: set[int]
) -> None:
    in_use = [ROOT / f"e{n}" for n in used]
    limits = CacheLimits(quota, age)

    going = [
        each.entry for each in to_remove(entries, limits, now=NOW, folders=[ROOT], in_use=in_use)
    ]

    left = [each for each in entries if each not in going]
    free = [
        each
        for each in left
        if each.is_ours
        and not each.pinned
        and NOW - each.used_at >= 300
        and not UsedPlaces(in_use).overlaps(each)
    ]
    assert not any(each.pinned or not each.is_ours or each.path in in_use for each in going)
    assert [each.used_at for each in going] == sorted(each.used_at for each in going)
    if quota is not None and free:
        assert sum(each.bytes for each in left) <= quota
    if age is not None:
        assert all(NOW - each.used_at <= age for each in free)
    if quota is not None and age is None and going:
        # The last one was needed.
        assert sum(each.bytes for each in left) + going[-1].bytes > quota


def test_a_clock_that_was_set_back_makes_nothing_old_but_a_quota_still_holds() -> None:
    later = entry("later", used_at=NOW + 1e6)

    assert to_remove([later], CacheLimits(max_age_s=1), now=NOW, folders=[ROOT], grace_s=0) == ()
    assert to_remove([later], CacheLimits(quota_bytes=0), now=NOW, folders=[ROOT]) == ()
    (gone,) = to_remove([later], CacheLimits(quota_bytes=0), now=NOW, folders=[ROOT], grace_s=0)
    assert gone.reason == "quota"
