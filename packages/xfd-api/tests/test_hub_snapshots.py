"""Files of a hub become blobs and snapshots of its cache."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from xfd_api.catalog import build_catalog
from xfd_api.chunking import BLOBS_APART
from xfd_api.chunks import Catalog, Checksum, FoundObject
from xfd_api.errors import (
    ChecksumMismatchError,
    InvalidRequestError,
    ObjectNotFoundError,
    OriginAnswerError,
)
from xfd_api.hub_files import HubFile, HubSnapshot
from xfd_api.identity import object_identity, version_identity
from xfd_api.lookups import Lookup, plan_downloads
from xfd_api.request_forms import Requests
from xfd_api.requests import HubDownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest

COMMIT, OTHER = "c" * 40, "d" * 40
GIT, SHA256 = "1" * 40, "2" * 64


def hub_file(path: str, blob_id: str = GIT, *, commit: str = COMMIT, size: int = 3) -> FoundObject:
    is_lfs = len(blob_id) == 64
    return FoundObject(
        key=path,
        size=size,
        etag=f'"{blob_id}"',
        checksum=Checksum("sha256" if is_lfs else "git-sha1", blob_id),
        location=f"{commit}/{path}",
        hub_file=HubFile(path, blob_id, size, "9" * 40 if is_lfs else blob_id),
    )


CONFIG, WEIGHTS = hub_file("config.json"), hub_file("model.safetensors", SHA256)


def lookups(requests: Requests) -> tuple[Lookup, ...]:
    return plan_downloads(requests, None).lookups


def catalog(requests: Requests, *found: list[FoundObject]) -> Catalog:
    return build_catalog(lookups(requests), found)


def test_each_blob_is_an_object_that_is_pinned_to_its_name() -> None:
    objects = catalog("hf://org/bert", [CONFIG, WEIGHTS]).objects

    assert [(item.destination, item.pin, item.group) for item in objects] == [
        (f"hf-cache:models--org--bert/blobs/{GIT}", Checksum("git-sha1", GIT), None),
        (f"hf-cache:models--org--bert/blobs/{SHA256}", Checksum("sha256", SHA256), None),
    ]
    assert [item.found.location for item in objects] == [
        f"{COMMIT}/config.json",
        f"{COMMIT}/model.safetensors",
    ]


def test_a_whole_repository_is_a_whole_snapshot() -> None:
    made = catalog("hf://org/bert@v1", [CONFIG, WEIGHTS])

    assert made.snapshots == (
        HubSnapshot(
            "models--org--bert",
            COMMIT,
            "v1",
            (
                HubFile("config.json", GIT, 3, GIT),
                HubFile("model.safetensors", SHA256, 3, "9" * 40),
            ),
            is_whole=True,
        ),
    )


@pytest.mark.parametrize(
    "request_",
    [
        HubDownloadRequest("org/bert", include=("*.json",)),
        HubDownloadRequest("org/bert", exclude=("*.bin",)),
        ObjectDownloadRequest("hf://org/bert/config.json", None),
        PrefixDownloadRequest("hf://org/bert/onnx", None),
    ],
)
def test_a_part_of_a_repository_is_a_part_of_a_snapshot(request_: HubDownloadRequest) -> None:
    path = "onnx/config.json" if isinstance(request_, PrefixDownloadRequest) else "config.json"
    (snapshot,) = catalog(request_, [hub_file(path)]).snapshots

    assert (snapshot.revision, snapshot.is_whole) == ("main", False)
    assert [file.path for file in snapshot.files] == [path]


def test_what_is_left_out_is_in_no_snapshot() -> None:
    request_ = HubDownloadRequest("org/bert", include=("*.json",))
    (snapshot,) = catalog(request_, [CONFIG, WEIGHTS]).snapshots

    assert [file.path for file in snapshot.files] == ["config.json"]
    with pytest.raises(ObjectNotFoundError, match="left by include"):
        catalog(request_, [WEIGHTS])


def test_two_files_with_one_content_are_one_object_and_two_links() -> None:
    made = catalog("hf://org/bert", [hub_file("a.json"), hub_file("b/a.json")])

    assert len(made.objects) == 1
    assert [file.path for file in made.snapshots[0].files] == ["a.json", "b/a.json"]


def test_two_revisions_share_their_blobs() -> None:
    made = catalog(
        ["hf://org/bert", "hf://org/bert@v1"],
        [CONFIG, WEIGHTS],
        [hub_file("config.json", "3" * 40, commit=OTHER), replace(WEIGHTS, location=f"{OTHER}/m")],
    )

    assert len(made.objects) == 3
    assert [(each.commit, each.revision) for each in made.snapshots] == [
        (COMMIT, "main"),
        (OTHER, "v1"),
    ]


def test_two_requests_of_one_revision_make_one_snapshot() -> None:
    made = catalog(["hf://org/bert/config.json", "hf://org/bert"], [CONFIG], [CONFIG, WEIGHTS])

    (snapshot,) = made.snapshots
    assert snapshot.is_whole
    assert len(snapshot.files) == 2


def test_a_commit_writes_no_ref() -> None:
    assert catalog(f"hf://org/bert@{COMMIT}", [CONFIG]).snapshots[0].revision is None


def test_a_hub_file_with_a_destination_is_pinned_and_in_no_snapshot() -> None:
    made = catalog(ObjectDownloadRequest("hf://org/bert/config.json", Path("c.json")), [CONFIG])

    assert made.snapshots == ()
    assert (made.objects[0].destination, made.objects[0].pin) == ("c.json", CONFIG.checksum)


def test_one_content_is_the_same_version_at_every_path_and_commit() -> None:
    (one,) = catalog("hf://org/bert", [hub_file("a")]).objects
    (two,) = catalog("hf://org/bert@v2", [hub_file("b", commit=OTHER)]).objects

    assert object_identity(one) == object_identity(two)
    assert version_identity(one) == version_identity(two)


def test_a_catalog_travels_with_its_snapshots_and_pins() -> None:
    made = catalog("hf://org/bert", [CONFIG, WEIGHTS])
    again = pickle.loads(pickle.dumps(made))

    assert again == made
    assert again.objects[0].found.location == f"{COMMIT}/config.json"


def test_an_answer_without_a_name_or_commit_is_refused() -> None:
    for answer in (replace(CONFIG, hub_file=None), replace(CONFIG, location=None)):
        with pytest.raises(OriginAnswerError):
            catalog("hf://org/bert", [answer])


def test_a_pin_that_the_store_contradicts_is_refused_before_a_byte_moves() -> None:
    request_ = ObjectDownloadRequest("hf://org/bert/m", Path("m"), sha256="f" * 64)

    with pytest.raises(ChecksumMismatchError, match="the request gives fff"):
        catalog(request_, [hub_file("m", SHA256)])


def test_a_pin_takes_the_place_of_the_name_outside_the_hub_cache_only() -> None:
    pinned = ObjectDownloadRequest("hf://org/bert/c", Path("c"), sha256="f" * 64)
    cached = replace(pinned, destination=None)

    assert catalog(pinned, [hub_file("c")]).objects[0].pin == Checksum("sha256", "f" * 64)
    with pytest.raises(InvalidRequestError, match="git-sha1"):
        catalog(cached, [hub_file("c")])


def test_two_requests_with_different_pins_are_refused() -> None:
    one, two = (ObjectDownloadRequest("s3://b/k", Path("k"), sha256=digit * 64) for digit in "ab")
    answer = [FoundObject("k", 1, etag='"e"')]

    with pytest.raises(InvalidRequestError, match="different checksums"):
        catalog([one, two], answer, answer)
    unpinned = replace(two, sha256=None)
    (item,) = catalog([unpinned, one], answer, answer).objects
    assert item.pin == Checksum("sha256", "a" * 64)


@pytest.mark.parametrize(("files", "chunks"), [(BLOBS_APART, BLOBS_APART), (BLOBS_APART + 1, 1)])
def test_small_blobs_are_packed_only_if_there_are_many(files: int, chunks: int) -> None:
    """A revision that shares some of a pack's objects would read all of it again."""
    found = [hub_file(f"{place}.json", f"{place:040x}") for place in range(files)]
    assert len(catalog("hf://org/bert", found).chunks) == chunks
    placed = HubDownloadRequest("org/bert", destination=Path("bert"))
    assert len(catalog(placed, found).chunks) == 1
