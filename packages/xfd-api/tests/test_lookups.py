"""What can be refused by reading alone is refused before a store is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api.chunks import Checksum
from xfd_api.errors import (
    InvalidRequestError,
    UnknownArchiveError,
    UnknownProfileError,
    UnsafePathError,
)
from xfd_api.lookups import Lookup, plan_downloads
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.requests import (
    DownloadRequest,
    HubDownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_api.stores import ObjectStoreConfig

S3 = by_profile(ObjectStoreConfig.make_for_s3("bucket"))
LOCAL = by_profile(ObjectStoreConfig.make_for_local("/srv"))
HTTP = by_profile(ObjectStoreConfig.make_for_http("https://host"))


def an_object(uri: str, destination: str = "/d/f", **more: object) -> DownloadRequest:
    return DownloadRequest(ObjectDownloadRequest(uri, Path(destination), **more))  # type: ignore[arg-type]


def a_prefix(uri: str, destination: str = "/d") -> DownloadRequest:
    return DownloadRequest(PrefixDownloadRequest(uri, Path(destination)))


def planned(request: DownloadRequest, stores: ObjectStoreConfigByProfile = S3) -> Lookup:
    (lookup,) = plan_downloads([request], stores).lookups
    return lookup


def test_a_prefix_has_no_version() -> None:
    with pytest.raises(InvalidRequestError, match="version"):
        planned(a_prefix("s3://other/models/?versionId=v"))


@pytest.mark.parametrize("uri", ["ftp://b/k", "s3:///key", "file:///f"])
def test_an_unknown_scheme_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        planned(an_object(uri))

    assert caught.value.object == uri


@pytest.mark.parametrize("uri", ["../secret", "a/../../b", "s3://b/../k", "a/.."])
@pytest.mark.parametrize("stores", [S3, LOCAL, HTTP])
def test_a_uri_that_climbs_out_is_refused(uri: str, stores: ObjectStoreConfigByProfile) -> None:
    with pytest.raises((UnsafePathError, InvalidRequestError)):
        planned(an_object(uri), stores)


@pytest.mark.parametrize("destination", ["../out", "/data/../etc/passwd", "a\0b"])
def test_a_destination_that_climbs_out_is_refused(destination: str) -> None:
    with pytest.raises(UnsafePathError):
        planned(an_object("k", destination))


@pytest.mark.parametrize("uri", ["/etc/passwd", "a//b", "./a"])
def test_a_directory_is_asked_for_plain_paths_only(uri: str) -> None:
    with pytest.raises(UnsafePathError):
        planned(an_object(uri), LOCAL)


def test_the_stores_own_bucket_is_the_same_by_its_name() -> None:
    """Else an object asked for in both ways would conflict with itself."""
    requests = [
        DownloadRequest(ObjectDownloadRequest(uri, Path("a.bin")))
        for uri in ("a.bin", "s3://bucket/a.bin", "s3://other/a.bin")
    ]
    one, same, other = plan_downloads(requests, S3).lookups
    assert one == same
    assert other.bucket == "other"


@pytest.mark.parametrize("uri", ["", "folder/", "s3://bucket", "s3://bucket/folder/"])
def test_an_object_needs_a_name(uri: str) -> None:
    with pytest.raises(InvalidRequestError, match="Use PrefixDownloadRequest"):
        planned(an_object(uri))


@pytest.mark.parametrize(
    ("uri", "key"),
    [("tok/", "tok"), ("tok", "tok"), ("", ""), ("s3://b", ""), ("tok//", "tok/"), ("/a/", "/a")],
)
def test_a_prefix_is_whole_segments(uri: str, key: str) -> None:
    lookup = planned(a_prefix(uri))

    assert (lookup.key, lookup.is_prefix) == (key, True)


def test_in_a_folder_more_slashes_are_the_same_prefix() -> None:
    assert planned(a_prefix("tok//"), LOCAL).key == "tok"


@pytest.mark.parametrize("uri", ["/", "s3://b//"])
def test_slashes_alone_do_not_stand_for_the_whole_bucket(uri: str) -> None:
    with pytest.raises(InvalidRequestError, match="slashes alone"):
        planned(a_prefix(uri))


def test_a_web_server_lists_nothing() -> None:
    with pytest.raises(InvalidRequestError, match="cannot be listed"):
        planned(a_prefix("dir/"), HTTP)


def test_an_unknown_profile_is_refused_and_the_known_ones_named() -> None:
    stores = ObjectStoreConfigByProfile({"models": ObjectStoreConfig.make_for_s3("b")})

    with pytest.raises(UnknownProfileError, match="'models'"):
        planned(an_object("k", profile_name="datasets"), stores)


def test_the_format_of_an_archive_is_settled_here() -> None:
    options = UnpackOptions(Path("/d/tree"), keep_archive=False)

    unpack = planned(an_object("a.tgz", unpack_options=options)).unpack

    assert unpack is not None
    assert (unpack.destination, unpack.method) == ("/d/tree", UnpackMethod.TarGz)
    assert not unpack.keep_archive


def test_an_archive_of_unknown_format_is_refused_unless_it_is_named() -> None:
    unnamed = UnpackOptions(Path("/d/tree"))
    named = UnpackOptions(Path("/d/tree"), unpack_method=UnpackMethod.Zip)

    with pytest.raises(UnknownArchiveError):
        planned(an_object("a.bin", unpack_options=unnamed))
    unpack = planned(an_object("a.bin", unpack_options=named)).unpack
    assert unpack is not None
    assert unpack.method is UnpackMethod.Zip


def test_priorities_go_with_their_requests() -> None:
    plan = plan_downloads([an_object("a"), an_object("b", "/d/g")], S3, priorities=[2, 1])

    assert [(lookup.key, lookup.priority) for lookup in plan.lookups] == [("a", 2), ("b", 1)]


@pytest.mark.parametrize("name", ["include", "exclude"])
@pytest.mark.parametrize(
    ("given", "taken"),
    [((), ()), ("*.bin", ("*.bin",)), (["a", "b/"], ("a", "b/")), (("a",), ("a",))],
)
def test_patterns_of_a_prefix_are_one_or_several(
    name: str, given: object, taken: tuple[str, ...]
) -> None:
    request = PrefixDownloadRequest("p", Path("/d"), **{name: given})  # type: ignore[arg-type]

    assert getattr(planned(DownloadRequest(request)), name) == taken


@pytest.mark.parametrize("given", [None, ("",), (1,), b"x", {"a": 1}, ""])
def test_what_is_no_pattern_is_refused(given: object) -> None:
    request = PrefixDownloadRequest("p", Path("/d"), exclude=given)  # type: ignore[arg-type]

    with pytest.raises(InvalidRequestError, match="exclude is"):
        planned(DownloadRequest(request))


@pytest.mark.parametrize(
    ("given", "pin"),
    [
        ({}, None),
        ({"sha256": "AB" * 32}, Checksum("sha256", "ab" * 32)),
        ({"md5": "0f" * 16}, Checksum("md5", "0f" * 16)),
    ],
)
def test_a_checksum_of_a_request_is_a_pin(given: dict[str, str], pin: Checksum | None) -> None:
    assert planned(an_object("k", **given)).pin == pin


@pytest.mark.parametrize(
    "given",
    [
        {"sha256": "ab"},
        {"sha256": "zz" * 32},
        {"md5": "ab" * 32},
        {"sha256": "a" * 64, "md5": "a" * 32},
    ],
)
def test_what_is_no_checksum_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        planned(an_object("k", **given))


def in_the_hub_cache(request: DownloadRequest) -> tuple[str | None, str | None, str, bool, str]:
    lookup = planned(request, ObjectStoreConfigByProfile({}))
    return lookup.profile_name, lookup.bucket, lookup.key, lookup.is_prefix, lookup.destination


@pytest.mark.parametrize(
    ("value", "bucket", "key", "is_prefix", "folder"),
    [
        (HubDownloadRequest("org/bert"), "models/org/bert", "", True, "models--org--bert"),
        (HubDownloadRequest("gpt2"), "models/gpt2", "", True, "models--gpt2"),
        (
            HubDownloadRequest("org/books", "v1.0", "dataset"),
            "datasets/org/books@v1.0",
            "",
            True,
            "datasets--org--books",
        ),
        (
            ObjectDownloadRequest("hf://org/bert@refs/pr/3/a/b.json", None),
            "models/org/bert@refs/pr/3",
            "a/b.json",
            False,
            "models--org--bert",
        ),
        (
            PrefixDownloadRequest("hf://spaces/org/demo/src/", None),
            "spaces/org/demo",
            "src",
            True,
            "spaces--org--demo",
        ),
    ],
)
def test_a_hub_request_without_a_destination_lands_in_the_hub_cache(
    value: object, bucket: str, key: str, is_prefix: bool, folder: str
) -> None:
    request = DownloadRequest(value)  # type: ignore[arg-type]

    assert in_the_hub_cache(request) == ("hf:", bucket, key, is_prefix, f"hf-cache:{folder}")


@pytest.mark.parametrize(
    "more",
    [
        {"repo_id": "a/b/c"},
        {"repo_id": ""},
        {"repo_id": 5},
        {"repo_id": "org/.."},
        {"repo_id": "org/name.git"},
        {"repo_type": "models"},
        {"revision": "a b"},
        {"revision": "../x"},
        {"revision": 1},
        {"include": ("",)},
    ],
    ids=str,
)
def test_a_repository_that_cannot_be_is_refused(more: dict[str, object]) -> None:
    request = HubDownloadRequest(**{"repo_id": "org/bert", **more})  # type: ignore[arg-type]

    with pytest.raises(InvalidRequestError):
        planned(DownloadRequest(request), ObjectStoreConfigByProfile({}))


def test_only_a_hub_request_can_do_without_a_destination() -> None:
    with pytest.raises(InvalidRequestError, match="no destination"):
        planned(DownloadRequest(ObjectDownloadRequest("a.bin", None)))


def test_a_destination_cannot_be_spelled_into_the_hub_cache() -> None:
    with pytest.raises(InvalidRequestError, match="hf-cache:"):
        planned(an_object("a.bin", "hf-cache:models--org--bert/blobs/x"))


def test_an_archive_of_the_hub_cache_is_kept() -> None:
    unpack = UnpackOptions(Path("/d/tree"), keep_archive=False)
    with pytest.raises(InvalidRequestError, match="keep_archive"):
        planned(
            DownloadRequest(
                ObjectDownloadRequest("hf://org/bert/a.tgz", None, unpack_options=unpack)
            )
        )


def test_a_profile_of_a_hub_needs_whole_uris() -> None:
    hub = by_profile(ObjectStoreConfig.make_for_hub("https://mirror.example", "hf_secret"))

    assert planned(an_object("hf://org/bert/a.json"), hub).profile_name is None
    with pytest.raises(InvalidRequestError, match="names no repository"):
        planned(an_object("a.json"), hub)


def test_a_profile_that_is_no_hub_is_refused_by_name() -> None:
    stores = ObjectStoreConfigByProfile({"s3": ObjectStoreConfig.make_for_s3("b")})

    with pytest.raises(InvalidRequestError, match="'s3' is no hub"):
        planned(DownloadRequest(HubDownloadRequest("org/bert", profile_name="s3")), stores)
