"""Wildcards match as in a shell with globstar, and name the folder that is listed for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfd_dataplane.patterns import compiled, has_wildcard, literal_folder


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("models/*.safetensors", "models/a.safetensors", True),
        ("models/*.safetensors", "models/sub/a.safetensors", False),
        ("models/*.safetensors", "models/a.safetensors.bak", False),
        ("models/**/*.bin", "models/a.bin", True),
        ("models/**/*.bin", "models/x/y/a.bin", True),
        ("models/**", "models/x/y", True),
        ("**/config.json", "config.json", True),
        ("shard-0000?-of-*", "shard-00003-of-10", True),
        ("shard-0000?-of-*", "shard-00012-of-10", False),
        ("part-[0-3].bin", "part-2.bin", True),
        ("part-[!0-3].bin", "part-2.bin", False),
        ("part-[!0-3].bin", "part-7.bin", True),
        ("a[!b]c", "a/c", False),
        ("a[b", "a[b", True),
        ("a.b+c*", "a.b+c1", True),
        ("a.b*", "aXb1", False),
        ("*", "new\nline", True),
    ],
)
def test_a_pattern_matches(pattern: str, key: str, matches: bool) -> None:
    assert (compiled(pattern).match(key) is not None) is matches


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("models/v1/*.bin", "models/v1"),
        ("models/v1-*/a", "models"),
        ("*.bin", ""),
        ("models/**", "models"),
        ("models/plain.bin", "models"),
    ],
)
def test_the_folder_to_list_is_all_before_the_first_wildcard(pattern: str, folder: str) -> None:
    assert literal_folder(pattern) == folder


@given(key=st.text(alphabet="ab/.*?[]!^\\-", max_size=12))
def test_any_text_is_a_pattern_and_a_key_without_wildcards_matches_itself(key: str) -> None:
    expression = compiled(key)

    if not has_wildcard(key):
        assert expression.match(key)
