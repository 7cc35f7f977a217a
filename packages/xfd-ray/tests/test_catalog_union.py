"""What several leases want becomes one catalog."""

from pathlib import Path

import pytest

from xfd_api import chunking
from xfd_api.errors import DestinationConflictError, InvalidRequestError
from xfd_api.lookups import plan_downloads
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_api.testing import FakeOrigin
from xfd_ray.coordinator.catalog_union import CatalogUnion

MIB = 2**20
STORE = by_profile(ObjectStoreConfig.make_for_s3("bucket"))


def one(key: str, destination: str | None = None, profile: str | None = None) -> DownloadRequest:
    return DownloadRequest(
        ObjectDownloadRequest(key, Path(destination or f"out/{key}"), profile_name=profile)
    )


@pytest.fixture
def origin() -> FakeOrigin:
    return FakeOrigin({"a": 10, "b": 20, "dir/c": 30, "dir/d": 40})


def add(union: CatalogUnion, origin: FakeOrigin, requests, stores=STORE):
    lookups = plan_downloads(requests, stores).lookups
    found = origin.find_objects(lookups, stores)
    return union.add(union.catalog_of(lookups, found, stores, None), None)


def test_the_same_object_and_destination_is_in_the_catalog_once(origin):
    union = CatalogUnion()
    first = add(union, origin, [one("a"), one("b")])
    second = add(union, origin, [one("b"), one("dir/c")])
    assert [item.found.key for item in second.grown[0].catalog.objects] == ["dir/c"]
    assert second.grown[0].catalog.first_object == 2
    assert second.grown[0].catalog.first_chunk == len(first.grown[0].catalog.chunks)
    assert {part.catalog.first_object: found for part, found in second.objects} == {
        0: (1,),
        2: (2,),
    }
    assert add(union, origin, [one("a")]).grown == ()


def test_only_what_nobody_wants_any_more_is_released(origin):
    union = CatalogUnion()
    first = add(union, origin, [one("a"), one("b")])
    second = add(union, origin, [one("b")])
    assert union.drop(first) == (0,)
    assert union.drop(second) == (1,)
    again = add(union, origin, [one("a")])
    assert again.grown[0].catalog.first_object == 2  # an index is never used twice


def test_a_place_that_another_lease_has_is_refused_and_nothing_is_taken_up(origin):
    union = CatalogUnion()
    add(union, origin, [one("a", "out/x")])
    with pytest.raises(DestinationConflictError):
        add(union, origin, [one("b", "out/x")])
    origin.versions["a"] += 1
    with pytest.raises(DestinationConflictError):
        add(union, origin, [one("a", "out/x")])
    assert add(union, origin, [one("b", "out/y")]).grown[0].catalog.first_object == 1


def test_profiles_of_one_name_and_two_stores_stay_apart(origin):
    union = CatalogUnion()
    mine = by_profile(ObjectStoreConfig.make_for_s3("mine"))
    theirs = by_profile(ObjectStoreConfig.make_for_s3("theirs"))
    first = add(union, origin, [one("a", "out/1")], mine).grown[0]
    second = add(union, origin, [one("a", "out/2")], theirs).grown[0]
    names = [part.catalog.objects[0].profile_name for part in (first, second)]
    assert len(set(names)) == 2
    assert [
        part.stores.of(name).bucket for part, name in zip((first, second), names, strict=True)
    ] == [
        "mine",
        "theirs",
    ]


KEYS = {"access_key_id": "id-1", "secret_access_key": "secret-1"}
OTHERS = {
    "other keys": {"access_key_id": "id-2", "secret_access_key": "secret-2"},
    "the same key id with another secret": {**KEYS, "secret_access_key": "secret-2"},
    "a session's token": {**KEYS, "session_token": "token"},
    "no keys: the node's own": {},
    "unsigned": {"anonymous": True},
    "another endpoint": {**KEYS, "endpoint": "http://elsewhere:9000"},
    "another region": {**KEYS, "region": "eu-west-3"},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_no_chunk_goes_from_a_store_to_one_that_is_reached_otherwise(origin, other):
    union = CatalogUnion()
    mine = add(union, origin, [one("a", "out/1", "p")], _profile(**KEYS)).grown[0]
    same = add(union, origin, [one("a", "out/1", "p"), one("a", "out/2", "p")], _profile(**KEYS))
    theirs = add(union, origin, [one("a", "out/3", "p")], _profile(**other)).grown[0]
    assert [item.destination for item in same.grown[0].catalog.objects] == ["out/2"]
    [item] = theirs.catalog.objects
    assert theirs.stores.of(item.profile_name) == _profile(**other).of("p")
    # A worker that comes late is sent each part with the stores it was asked for with.
    assert mine.stores.of("p") == _profile(**KEYS).of("p")


@pytest.mark.parametrize("other", list(OTHERS)[:5])
def test_one_destination_with_other_keys_is_refused_by_name(origin, other):
    union = CatalogUnion()
    first = add(union, origin, [one("a", profile="p")], _profile(**KEYS))
    with pytest.raises(DestinationConflictError, match="other credentials") as caught:
        add(union, origin, [one("a", profile="p")], _profile(**OTHERS[other]))
    assert (caught.value.object, caught.value.path) == ("a", "out/a")
    assert "secret" not in str(caught.value)
    union.drop(first)
    assert add(union, origin, [one("a", profile="p")], _profile(**OTHERS[other])).grown


def test_a_prefix_and_one_of_its_objects_are_one_file(origin):
    union = CatalogUnion()
    tree = DownloadRequest(PrefixDownloadRequest("dir/", Path("out/dir")))
    whole = add(union, origin, [tree])
    assert len(whole.grown[0].catalog.objects) == 2
    assert add(union, origin, [one("dir/c", "out/dir/c")]).grown == ()


def _profile(**options) -> ObjectStoreConfigByProfile:
    config = ObjectStoreConfig.make_for_s3("b", **options)
    return ObjectStoreConfigByProfile({"p": config})


def test_a_part_can_be_cut_down_to_what_a_node_wants(origin):
    big = FakeOrigin({"a": 5 * MIB, "b": 5 * MIB, "dir/c": 30, "dir/d": 40, "dir/e/": 0})
    prefix = DownloadRequest(PrefixDownloadRequest("dir", Path("out/dir")))
    grown = add(CatalogUnion(), big, [one("a"), one("b"), prefix]).grown[0]
    whole = {item.found.key: item.index for item in grown.catalog.objects}

    def keys(*wanted: str) -> list[str]:
        part = grown.only(tuple(whole[key] for key in wanted))
        assert {span.object for chunk in part.catalog.chunks for span in chunk.spans} == {
            item.index for item in part.catalog.objects if not item.is_directory
        }
        return [item.found.key for item in part.catalog.objects]

    assert keys("b") == ["b"]
    assert keys("dir/d") == ["dir/c", "dir/d"]  # they share a pack
    assert keys("a", "dir/e/") == ["a", "dir/e/"]
    assert grown.only((whole["b"],)) is grown.only((whole["b"],))
    assert grown.only(tuple(whole.values())) is grown


def test_leases_that_share_a_swarm_share_the_bound_on_its_chunks(monkeypatch):
    """Objects that are under way count once for all leases; released objects count no longer."""
    monkeypatch.setattr(chunking, "CHUNKS_AT_MOST", 10)
    origin = FakeOrigin({"a": 24 * MIB, "b": 24 * MIB})
    union = CatalogUnion()
    first = add(union, origin, [one("a")])
    assert add(union, origin, [one("a")]).grown == ()

    with pytest.raises(InvalidRequestError, match="beside the 6 that are being") as caught:
        add(union, origin, [one("b")])
    assert caught.value.object == "b"

    union.drop(first)
    with pytest.raises(InvalidRequestError):
        add(union, origin, [one("b")])
    union.drop(first)
    assert add(union, origin, [one("b")]).grown


def test_a_lease_knows_how_many_objects_its_patterns_left_out(origin):
    wanted = PrefixDownloadRequest("dir", Path("out"), exclude=("c",))

    mine = add(CatalogUnion(), origin, [DownloadRequest(wanted)])

    assert mine.excluded == 1
    assert [item.found.key for item in mine.grown[0].catalog.objects] == ["dir/d"]


def test_prefixes_of_other_patterns_share_what_both_want(origin):
    union = CatalogUnion()
    add(union, origin, [DownloadRequest(PrefixDownloadRequest("dir", Path("out")))])

    less = PrefixDownloadRequest("dir", Path("out"), exclude=("c",))

    assert add(union, origin, [DownloadRequest(less)]).grown == ()
