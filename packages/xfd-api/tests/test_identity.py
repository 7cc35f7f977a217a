"""What counts as the same object, version, store and request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from catalog_builders import found, object_lookup

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Checksum, Unpack
from xfd_api.identity import (
    lookup_identity,
    object_identity,
    request_identity,
    same_content,
    store_location,
    version_identity,
)
from xfd_api.requests import UnpackMethod
from xfd_api.stores import ObjectStoreConfig

LOOKUP = object_lookup("models/a.bin", "/d/a.bin")
(ITEM,) = build_catalog([LOOKUP], [[found("models/a.bin")]]).objects
TREE = Unpack("/d/tree", UnpackMethod.Tar, keep_archive=True)


def test_a_new_version_is_the_same_object() -> None:
    newer = replace(ITEM, found=replace(ITEM.found, etag='"2"'))

    assert object_identity(newer) == object_identity(ITEM)
    assert version_identity(newer) != version_identity(ITEM)


@pytest.mark.parametrize(
    ("alone", "in_a_list", "is_same"),
    [
        ({"last_modified_ns": 5_000_000_000}, {"last_modified_ns": 5_123_000_000}, True),
        ({"checksum": Checksum("crc64nvme", "AAAAAAAAAAA=")}, {}, True),
        ({"etag": None, "last_modified_ns": 5}, {"etag": None, "last_modified_ns": 6}, False),
        ({"last_modified_ns": 5_000_000_000}, {"last_modified_ns": 6_000_000_000}, False),
        ({"last_modified_ns": -1}, {"last_modified_ns": 1}, False),
        ({"size": 5}, {"size": 6}, False),
        ({"etag": '"1"'}, {"etag": '"2"'}, False),
    ],
    ids=str,
)
def test_a_version_is_the_same_in_an_answer_about_it_and_in_a_list(
    alone: dict, in_a_list: dict, is_same: bool
) -> None:
    one, other = (replace(ITEM, found=replace(ITEM.found, **seen)) for seen in (alone, in_a_list))
    assert (version_identity(one) == version_identity(other)) is is_same
    assert same_content(one, other) is is_same


@pytest.mark.parametrize(
    "other",
    [{"profile_name": "b"}, {"bucket": "b"}, {"destination": "/d/b.bin"}, {"unpack": TREE}],
    ids=str,
)
def test_another_store_destination_or_unpacking_is_another_object(other: dict) -> None:
    assert object_identity(replace(ITEM, **other)) != object_identity(ITEM)


@pytest.mark.parametrize("other", [{"cache": False}, {"priority": 3}, {"index": 7}], ids=str)
def test_what_a_call_asks_for_beside_does_not_matter(other: dict) -> None:
    assert version_identity(replace(ITEM, **other)) == version_identity(ITEM)


def test_a_lookup_is_known_by_the_object_that_it_finds() -> None:
    assert lookup_identity(LOOKUP, None) == object_identity(ITEM)


def test_credentials_are_no_part_of_a_stores_location() -> None:
    def store(**more: str) -> ObjectStoreConfig:
        return ObjectStoreConfig.make_for_s3("b", endpoint="http://127.0.0.1:1", **more)

    with_keys = store(access_key_id="a", secret_access_key="s")

    assert store_location(with_keys) == store_location(store())
    assert request_identity(LOOKUP, with_keys) == request_identity(LOOKUP, store())


def test_a_bucket_in_the_uri_is_the_same_as_the_stores_own(tmp_path: Path) -> None:
    own, other = ObjectStoreConfig.make_for_s3("a"), ObjectStoreConfig.make_for_s3("b")

    assert store_location(other, "a") == store_location(own)
    assert store_location(ObjectStoreConfig.make_for_local(tmp_path)) != store_location(own)
