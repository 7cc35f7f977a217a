"""What can be refused by reading alone is refused before a store is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api.errors import (
    InvalidRequestError,
    UnknownArchiveError,
    UnknownProfileError,
    UnsafePathError,
)
from xfd_api.lookups import Lookup, plan_lookups, split_uri
from xfd_api.requests import (
    DownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_api.stores import ObjectStoreConfig, ObjectStoreConfigByProfile, StoreKind, by_profile

S3 = by_profile(ObjectStoreConfig.make_for_s3("bucket"))
LOCAL = by_profile(ObjectStoreConfig.make_for_local("/srv"))
HTTP = by_profile(ObjectStoreConfig.make_for_http("https://host"))


def an_object(uri: str, destination: str = "/d/f", **more: object) -> DownloadRequest:
    return DownloadRequest(ObjectDownloadRequest(uri, Path(destination), **more))  # type: ignore[arg-type]


def a_prefix(uri: str, destination: str = "/d") -> DownloadRequest:
    return DownloadRequest(PrefixDownloadRequest(uri, Path(destination)))


def planned(request: DownloadRequest, stores: ObjectStoreConfigByProfile = S3) -> Lookup:
    (lookup,) = plan_lookups([request], stores)
    return lookup


ARN = "arn:aws:s3:eu-north-1:111122223333:accesspoint/mine"
OUTPOST = "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-1/accesspoint/mine"


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("models/a.bin", None, "models/a.bin"),
        ("s3://other/models/a.bin", "other", "models/a.bin"),
        ("s3://other", "other", ""),
        ("odd..name/..x", None, "odd..name/..x"),
        (f"s3://{ARN}/models/a.bin", ARN, "models/a.bin"),
        (f"s3://{ARN}", ARN, ""),
        (f"s3://{ARN.replace('point/', 'point:')}/a/b", ARN.replace("point/", "point:"), "a/b"),
        (f"s3://{OUTPOST}/a/b", OUTPOST, "a/b"),
        ("s3://other/a.bin?versionId=3/L4kq+x", "other?versionId=3/L4kq+x", "a.bin"),
        ("s3://other/a?b?versionId=a%2Bb", "other?versionId=a+b", "a?b"),
        (f"s3://{ARN}/a?versionId=v", f"{ARN}?versionId=v", "a"),
        ("s3://other/what?.bin", "other", "what?.bin"),
        ("a?versionId=v", None, "a?versionId=v"),
    ],
)
def test_a_uri_is_a_key_or_names_its_bucket(uri: str, bucket: str | None, key: str) -> None:
    assert split_uri(uri, StoreKind.S3) == (bucket, key)


def test_a_prefix_has_no_version() -> None:
    with pytest.raises(InvalidRequestError, match="version"):
        planned(a_prefix("s3://other/models/?versionId=v"))


@pytest.mark.parametrize("uri", ["gs://b/k", "s3:///key", "https://h/f"])
def test_a_foreign_scheme_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        planned(an_object(uri))

    assert caught.value.object == uri


def test_an_s3_uri_does_not_belong_to_a_directory() -> None:
    with pytest.raises(InvalidRequestError):
        planned(an_object("s3://b/k"), LOCAL)


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
    one, same, other = plan_lookups(requests, S3)
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
    lookups = plan_lookups([an_object("a"), an_object("b", "/d/g")], S3, priorities=[2, 1])

    assert [(lookup.key, lookup.priority) for lookup in lookups] == [("a", 2), ("b", 1)]


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
